import { delimiter, join } from 'node:path'
import { rewritePaths } from './expand.ts'
import { divideMounts, isWithin, type Machine, MACHINE, type Mount } from './mounts.ts'

/** A container that is about to run, and its machine. */
export interface Unplaced {
  /** The command that was written for this machine, whose paths are those of the machine. */
  readonly local: string | undefined
  readonly variables: Readonly<Record<string, string>>
  readonly mounts: readonly Mount[]
  /** Whether mounts are possible. */
  readonly canMount: boolean
  /** The folder in which it runs. */
  readonly cwd: string
  /** The variables of the machine. */
  readonly machine: Readonly<Record<string, string>>
  /** Further paths that it needs. */
  readonly needed: readonly string[]
}

/** How a container finds its volumes. */
export interface Placed {
  readonly mounted: readonly Mount[]
  /** The variables with the paths of the other volumes replaced. */
  readonly variables: Readonly<Record<string, string>>
  /** Replaces the paths of the other volumes in a part of a command that was written for the container. */
  readonly rewrite: (part: string) => string
  /** The same in one that was written for this machine, which keeps every path that the machine has. */
  readonly rewriteLocal: (part: string) => string
  /** The folders of the volumes that are not mounted, by mount path. */
  readonly replaced: ReadonlyMap<string, string>
}

/** Folders without which no program starts. */
const SYSTEM = [
  '/bin',
  '/dev',
  '/etc/hosts',
  '/etc/nsswitch.conf',
  '/etc/resolv.conf',
  '/lib',
  '/proc',
  '/sbin',
  '/sys',
  '/usr/bin',
  '/usr/lib',
]

/**
 * Places the volumes of a container. They are mounted, except where that would hide a path of the machine that the
 * command needs. The paths of the others are replaced by those of their folders, in variables and in the command.
 */
export function place(container: Unplaced, exists: Machine['exists'] = MACHINE.exists): Placed {
  const { local, variables, mounts, canMount, cwd, machine, needed } = container
  const { PATH = '', HOME } = machine
  const paths = [
    ...SYSTEM,
    ...needed,
    ...PATH.split(delimiter).filter((folder) => folder.startsWith('/')),
    ...(HOME === undefined ? [] : [HOME]),
    cwd,
    process.execPath,
    ...(local === undefined ? [] : pathsIn(local).filter(exists)),
  ]
  const divided = canMount ? divideMounts(mounts, paths) : { mounted: [], replaced: mounts }
  const replaced = foldersOf(divided.replaced)
  const values = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, rewritePaths(value, replaced)]),
  )
  const absent = foldersOf(divided.replaced.filter(({ target }) => !exists(target)))
  return {
    mounted: divided.mounted,
    variables: values,
    rewrite: (part) => rewritePaths(part, replaced),
    rewriteLocal: (part) => rewritePaths(part, absent),
    replaced,
  }
}

const foldersOf = (mounts: readonly Mount[]): Map<string, string> =>
  new Map(mounts.map(({ source, target }) => [target, source]))

const pathsIn = (command: string): string[] => command.match(/(?<![\w.-])\/[\w@%+=:,./-]+/g) ?? []

/** The path on the machine of a path in a container. */
export function onMachine(path: string, mounts: readonly Mount[]): string {
  const found = mounts
    .filter(({ target }) => isWithin(path, target))
    .toSorted((one, other) => other.target.length - one.target.length)[0]
  return found === undefined ? path : join(found.source, path.slice(found.target.length))
}
