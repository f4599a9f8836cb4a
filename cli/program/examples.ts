import type { Command } from 'commander'

/** A command line, and what it is for. */
export type Example = readonly [line: string, purpose: string]

const EXAMPLES = new WeakMap<Command, readonly Example[]>()

/** Adds examples to the help of a command. Returns the command. */
export function withExamples(command: Command, ...examples: readonly Example[]): Command {
  EXAMPLES.set(command, examples)
  return command.addHelpText('after', () => `\nExamples:\n${examplesText(examples)}`)
}

/** The examples of a command, for the reference. */
export const examplesOf = (command: Command): readonly Example[] => EXAMPLES.get(command) ?? []

/** Formats examples: each purpose as a comment above its line. */
export const examplesText = (examples: readonly Example[]): string =>
  examples.map(([line, purpose]) => `  # ${purpose}\n  ${line}`).join('\n')
