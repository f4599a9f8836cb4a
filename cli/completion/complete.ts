import type { Argument, Command, Option } from 'commander'

/** What the shell may put in the place of the last word. */
export interface Completion {
  readonly candidates: readonly Candidate[]
  /** Whether the shell adds the names of files or folders. */
  readonly paths: 'files' | 'folders' | 'none'
}

interface Candidate {
  readonly value: string
  readonly description?: string
}

/** Names that only a running `up` or a cluster knows. */
type NameKind = 'environments' | 'services' | 'previews' | 'items' | 'circuits' | 'workers'

/** Reads names. `words` are the arguments so far, for `items`: those of the list that they name. */
export type NameReader = (kind: NameKind, words: readonly string[]) => Promise<readonly string[]>

/** What the arguments and option values of these names are, whatever the command. */
const ARGUMENTS: Readonly<Record<string, NameKind | Completion['paths'] | readonly string[]>> = {
  what: ['env', 'previews', 'pods', 'routes'],
  names: 'items',
  name: 'environments',
  service: 'services',
  preview: 'previews',
  path: 'files',
  paths: 'files',
  folder: 'folders',
  circuit: 'circuits',
  circuits: 'circuits',
  worker: 'workers',
  file: 'files',
}
/** Option values whose placeholder means something else there. */
const VALUES: Readonly<Record<string, NameKind | 'none'>> = {
  '--environment': 'environments',
  '--base': 'environments',
  '--namespace': 'none',
  '--context': 'none',
  '--container': 'none',
  '--cluster': 'none',
  '--header': 'none',
}

/** Completes the last of the words that follow the name of the program. */
export async function complete(
  program: Command,
  words: readonly string[],
  read: NameReader,
): Promise<Completion> {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const { command, args, open } = walk(program, before)
  const found = await unfiltered(command, current, args, open, read)
  const candidates = found.candidates.filter(({ value }) => value.startsWith(current))
  return { ...found, candidates }
}

async function unfiltered(
  command: Command,
  current: string,
  args: readonly string[],
  open: Option | undefined,
  read: NameReader,
): Promise<Completion> {
  if (open !== undefined) return await valueOf(open, args, read)
  if (current.startsWith('-')) return only(optionsOf(command))
  if (command.commands.length > 0) return only(commandsOf(command))
  const { registeredArguments } = command
  const argument = registeredArguments[args.length] ?? lastIfVariadic(registeredArguments)
  if (argument === undefined) return NOTHING
  if (argument.argChoices !== undefined) return only(argument.argChoices.map((value) => ({ value })))
  // Of the lists of `get`, only an environment can be described.
  if (command.name() === 'describe' && argument.name() === 'what') return only([{ value: 'env' }])
  return await namesOf(ARGUMENTS[argument.name()] ?? 'none', args, read)
}

const NOTHING: Completion = { candidates: [], paths: 'none' }
const only = (candidates: readonly Candidate[]): Completion => ({ candidates, paths: 'none' })

/** Follows the words to their command. `open` is an option that still needs its value. */
function walk(
  program: Command,
  words: readonly string[],
): { command: Command; args: string[]; open: Option | undefined } {
  let command = program
  let open: Option | undefined
  const args: string[] = []
  for (const word of words) {
    if (open !== undefined) {
      open = undefined
      continue
    }
    if (word.startsWith('-') && word !== '-') {
      const option = command.options.find(({ short, long }) => word === short || word === long)
      if (option?.required === true) open = option
      continue
    }
    const next = args.length === 0 ? command.commands.find((one) => one.name() === word) : undefined
    if (next === undefined) args.push(word)
    else command = next
  }
  return { command, args, open }
}

async function valueOf(option: Option, args: readonly string[], read: NameReader): Promise<Completion> {
  if (option.argChoices !== undefined) return only(option.argChoices.map((value) => ({ value })))
  const placeholder = /<([\w-]+)/.exec(option.flags)?.[1] ?? ''
  return await namesOf(VALUES[option.long ?? ''] ?? ARGUMENTS[placeholder] ?? 'none', args, read)
}

async function namesOf(
  what: NameKind | Completion['paths'] | readonly string[],
  args: readonly string[],
  read: NameReader,
): Promise<Completion> {
  if (what === 'files' || what === 'folders' || what === 'none') return { candidates: [], paths: what }
  const values = typeof what === 'string' ? await read(what, args) : what
  return only(values.map((value) => ({ value })))
}

const lastIfVariadic = (all: readonly Argument[]): Argument | undefined =>
  all.at(-1)?.variadic === true ? all.at(-1) : undefined

const commandsOf = (command: Command): Candidate[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((one) => ({ value: one.name(), description: one.description() }))

const optionsOf = (command: Command): Candidate[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long === undefined ? [] : [{ value: long, description }]))

/** The form in which the scripts read it: a line for each candidate, and last `:files`, `:folders` or `:none`. */
export const completionText = ({ candidates, paths }: Completion): string =>
  [...candidates.map(({ value, description = '' }) => `${value}\t${description}`), `:${paths}`, ''].join('\n')
