import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { temporaryFolder } from '../../process/temporary.ts'
import { type Mount, MOUNT_SCRIPT, mountSteps, stepArguments } from './mounts.ts'

/**
 * How pods get files of their own. `root`: with a mount namespace. `user`: with a mount namespace within a user namespace
 * (and a second one, back to the caller's user). `none`: not at all.
 */
export type SandboxStrategy = 'root' | 'user' | 'none'

const STRATEGIES: readonly SandboxStrategy[] = ['root', 'user']
/** How long an attempt may take, in milliseconds. */
const TRY_TIMEOUT_MS = 2_000

/** The command to run in a pod, and its user. */
export interface SandboxCommand {
  readonly argv: readonly string[]
  /** Files of the pod, by the file of the machine that each hides. Files that the machine lacks are left out. */
  readonly files: Readonly<Record<string, string>>
  /** The command that enters existing namespaces, in which the caller is root. Default: a new user namespace for `user`. */
  readonly enter?: readonly string[]
  /** The volumes to mount. Default: none. */
  readonly mounts?: readonly Mount[]
  /** A folder for what mounts need. Absent only without mounts. */
  readonly hold?: string
  /** The user and group to switch to, if the caller is root. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

/** The first strategy that works on this machine, tested by reading back a hosts file. */
export function findSandboxStrategy(): SandboxStrategy {
  const folder = temporaryFolder('try')
  const hosts = join(folder, 'hosts')
  writeFileSync(hosts, '127.0.0.2 branchline-try\n')
  try {
    return STRATEGIES.find((strategy) => works(strategy, hosts)) ?? 'none'
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function works(strategy: SandboxStrategy, hosts: string): boolean {
  if ((strategy === 'root') !== (process.getuid?.() === 0)) return false
  const [file, ...args] = sandboxed(strategy, { argv: ['cat', '/etc/hosts'], files: { '/etc/hosts': hosts } })
  const { status, stdout } = spawnSync(file as string, args, { encoding: 'utf8', timeout: TRY_TIMEOUT_MS })
  return status === 0 && stdout.includes('branchline-try')
}

/** Whether volumes can be mounted, tested with a mount point that exists nowhere, and one below /etc. */
export function canMount(strategy: SandboxStrategy): boolean {
  if (strategy === 'none') return false
  const known = mountable.get(strategy) ?? tryMounts(strategy)
  mountable.set(strategy, known)
  return known
}

const mountable = new Map<SandboxStrategy, boolean>()

function tryMounts(strategy: SandboxStrategy): boolean {
  const folder = temporaryFolder('try')
  try {
    const hosts = join(folder, 'hosts')
    writeFileSync(hosts, 'branchline-try\n')
    const targets = ['/branchline-try/hosts', '/etc/branchline-try/hosts']
    const mounts = targets.map((target) => ({ source: hosts, target, readOnly: true }))
    const argv = ['cat', '/etc/hosts', ...targets]
    const [file, ...args] = sandboxed(strategy, {
      argv,
      files: { '/etc/hosts': hosts },
      mounts,
      hold: join(folder, 'hold'),
    })
    const { stdout } = spawnSync(file as string, args, { encoding: 'utf8', timeout: TRY_TIMEOUT_MS })
    return stdout === 'branchline-try\n'.repeat(3)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const BIND = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 125; shift 2; done; shift; exec "$@"'

/**
 * The command that runs another one with the pod's files and volumes. Every step replaces itself with the next, so the
 * process id is that of the command.
 */
export function sandboxed(strategy: SandboxStrategy, command: SandboxCommand): string[] {
  const { files, user, mounts = [], hold, enter } = command
  const argv =
    user === undefined
      ? command.argv
      : ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--', ...command.argv]
  if (strategy === 'none') return [...argv]
  const there = Object.entries(files).filter(([target]) => existsSync(target))
  const pairs = [...there.flatMap(([target, source]) => [source, target]), '--']
  const bind =
    mounts.length === 0 || hold === undefined
      ? ['sh', '-c', BIND, 'sh', ...pairs]
      : ['sh', '-c', MOUNT_SCRIPT, 'sh', hold, ...stepArguments(mountSteps(mounts)), '--', ...pairs]
  const mounted = ['unshare', '--mount', '--', ...bind]
  if (strategy === 'root') return [...(enter ?? []), ...mounted, ...argv]
  const back = [`--map-user=${process.getuid?.()}`, `--map-group=${process.getgid?.()}`]
  const outer =
    enter === undefined
      ? ['unshare', '--user', '--map-root-user', '--mount', '--', ...bind]
      : [...enter, ...mounted]
  return [...outer, 'unshare', '--user', ...back, '--', ...argv]
}

/** Whether a user may enter a folder and every folder above it. */
export function mayEnter(user: { uid: number; gid: number }, folder: string): boolean {
  const parts = folder.split('/')
  return parts.every((_part, index) => {
    const stat = statSync(parts.slice(0, index + 1).join('/') || '/', { throwIfNoEntry: false })
    if (stat === undefined) return false
    if (stat.uid === user.uid) return (stat.mode & 0o100) !== 0
    return (stat.mode & (stat.gid === user.gid ? 0o010 : 0o001)) !== 0
  })
}

/** The full path of a program from `PATH`. Undefined if it is not found. */
export function findProgram(name: string, path = process.env['PATH'] ?? ''): string | undefined {
  if (name.includes('/')) return name
  return path
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
}
