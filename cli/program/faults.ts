import { Argument, type Command, Option } from 'commander'
import { nearest } from '@branchline/wire/near'

/** The faults of the values of one command line. All of them are told at once, before any action. */
const faults: string[] = []

/** An option whose value is parsed. A value for which `parse` returns undefined is a fault. */
export function parsedOption(
  flags: string,
  description: string,
  wanted: string,
  parse: (text: string) => unknown,
): Option {
  return new Option(flags, description).argParser((text: string) => {
    const value = parse(text)
    if (value === undefined) faults.push(`${nameOf(flags)} is "${text}": wanted ${wanted}`)
    return value
  })
}

/** An option that may be given several times. Each value is parsed, and all of them are a list. */
export function repeatedOption(
  flags: string,
  description: string,
  wanted: string,
  parse: (text: string) => unknown,
): Option {
  return new Option(flags, `${description}; repeatable`).argParser(
    (text: string, before: readonly unknown[] | undefined): readonly unknown[] => {
      const value = parse(text)
      if (value === undefined) faults.push(`${nameOf(flags)} is "${text}": wanted ${wanted}`)
      return [...(before ?? []), value]
    },
  )
}

/** An option with one of a few words as its value. */
export function oneOfOption(flags: string, description: string, words: readonly string[]): Option {
  const option = new Option(flags, description)
  // Not `choices()`, which would tell one fault at a time. Help and completion read the words here.
  option.argChoices = [...words]
  return option.argParser((text: string) => oneOf(nameOf(flags), text, words))
}

/** An argument that is one of a few words. */
export function oneOfArgument(name: string, description: string, words: readonly string[]): Argument {
  const argument = new Argument(name, description)
  argument.argChoices = [...words]
  return argument.argParser((text: string) => oneOf(argument.name(), text, words))
}

function oneOf(name: string, text: string, words: readonly string[]): string | undefined {
  if (words.includes(text)) return text
  const near = nearest(text, words)
  const remedy = near === undefined ? `wanted one of ${words.join(', ')}` : `did you mean ${near}?`
  faults.push(`${name} is "${text}": ${remedy}`)
  return undefined
}

/** The flags without the placeholder of the value: `-p, --port <number>` is `--port`. */
const nameOf = (flags: string): string => /--[\w-]+/.exec(flags)?.[0] ?? flags

/**
 * Tells all faults before the action of any command of a program, and with its own errors. Each usage error ends with the
 * command whose help says more. Call it once all commands exist.
 */
export function tellFaults(program: Command, exit: () => never): void {
  program.hook('preAction', (_program, command) => {
    running = command
    if (faults.length === 0) return
    process.stderr.write(`${takeFaults()}${helpLine()}\n`)
    exit()
  })
  for (const command of withSubcommands(program)) {
    command.configureOutput({ outputError: (text, write) => write(takeFaults() + text) })
    command.showHelpAfterError(helpLine(command))
  }
}

/** The command whose action runs. */
let running: Command | undefined

/** The line that says where a command is explained. Default: the command that runs. */
export function helpLine(command = running): string {
  const names: string[] = []
  for (let one: Command | undefined | null = command; one; one = one.parent) names.unshift(one.name())
  return `Try '${(names.length === 0 ? ['branchline'] : names).join(' ')} --help'.`
}

const withSubcommands = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap(withSubcommands),
]

const takeFaults = (): string =>
  faults
    .splice(0)
    .map((fault) => `error: ${fault}\n`)
    .join('')

/** A whole number in bounds. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number | undefined => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
    return number >= min && number <= max ? number : undefined
  }
