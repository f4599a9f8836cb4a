import type { Command } from 'commander'

/**
 * Returns the arguments with `--help` if they name only a group of commands, such as `env`, or nothing. A user who wants
 * to know what there is has made no mistake.
 */
export function helpOfGroup(program: Command, args: readonly string[]): readonly string[] {
  let at = program
  for (const arg of args) {
    const next = at.commands.find((command) => command.name() === arg || command.aliases().includes(arg))
    if (next === undefined) return args
    at = next
  }
  return at.commands.length > 0 ? [...args, '--help'] : args
}
