import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '../../../../process/log.ts'
import { StoreError } from '../errors.ts'
import { findProcess } from './process-table.ts'

const POLL_MS = 20
const CLAIM = /^owner-(\d+)-\d+$/

/** What a server writes about itself into its data folder, in `postmaster.pid`. */
interface PidFile {
  readonly pid: number
  /** The path of its socket. */
  readonly socket: string
}

let claims = 0

/**
 * Records that this process starts servers in the folder: a server whose parent has done so is in use. Returns a function
 * that removes the record.
 */
export function claimFolder(folder: string): () => void {
  for (const name of readdirSync(folder)) {
    const [, pid] = CLAIM.exec(name) ?? []
    if (pid !== undefined && findProcess(Number(pid)) === undefined)
      rmSync(join(folder, name), { force: true })
  }
  const file = join(folder, `owner-${process.pid}-${claims++}`)
  writeFileSync(file, '', { mode: 0o600 })
  return () => rmSync(file, { force: true })
}

/**
 * Makes sure that no server uses the data. A server of a relay that was killed is stopped, and a leftover pid file is
 * removed. Throws BL_RELAY_EMBEDDED if a running relay uses the data.
 */
export async function releaseData(
  folder: string,
  data: string,
  stopMs: number,
  logger: Logger,
): Promise<void> {
  const file = readPidFile(data)
  if (file === undefined) return
  const server = findServer(file.pid, data)
  if (server === undefined) {
    // Its process id may be of another container.
    if (await accepts(file.socket)) throw inUse(folder)
    rmSync(join(data, 'postmaster.pid'), { force: true })
    return
  }
  if (isClaimedBy(folder, server.parent)) throw inUse(folder, server.parent)
  logger.warn({ pid: file.pid, folder }, 'stopping the PostgreSQL server that a killed relay left behind')
  await stopOrphan(file.pid, data, stopMs)
}

/** The folder of the socket of the server that runs with this data. Undefined: none runs. */
export function socketFolderOf(data: string): string | undefined {
  const socket = readPidFile(data)?.socket
  return socket === undefined ? undefined : dirname(socket)
}

/** The folder of the socket at which a running server of the data accepts connections. Undefined if none runs. */
export async function findSocket(data: string): Promise<string | undefined> {
  const file = readPidFile(data)
  return file !== undefined && (await accepts(file.socket)) ? dirname(file.socket) : undefined
}

/** The error for a folder that another relay uses. */
export const inUse = (folder: string, pid?: number): StoreError =>
  new StoreError(
    'BL_RELAY_EMBEDDED',
    `${folder} is in use by another relay${pid === undefined ? '' : ` (process ${pid})`}: ` +
      'stop that relay, or give this one another state folder',
  )

function readPidFile(data: string): PidFile | undefined {
  try {
    // https://www.postgresql.org/docs/18/storage-file-layout.html: pid, data, start, port, folder of the socket, …
    const [pid, , , port, socketFolder] = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    return { pid: Number(pid), socket: `${socketFolder}/.s.PGSQL.${port}` }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function findServer(pid: number, data: string): { parent: number } | undefined {
  const found = findProcess(pid)
  return found?.command.includes(`postgres -D ${data} `) === true ? found : undefined
}

function isClaimedBy(folder: string, pid: number): boolean {
  return (
    readdirSync(folder).some((name) => CLAIM.exec(name)?.[1] === String(pid)) &&
    findProcess(pid) !== undefined
  )
}

async function stopOrphan(pid: number, data: string, stopMs: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    const deadline = performance.now() + stopMs
    kill(pid, signal)
    while (findServer(pid, data) !== undefined && performance.now() < deadline) await wait(POLL_MS)
    if (findServer(pid, data) === undefined) return
  }
  throw new StoreError('BL_RELAY_EMBEDDED', `The PostgreSQL server ${pid} of ${data} does not stop: stop it`)
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect(socket)
    client.once('connect', () => {
      client.destroy()
      resolve(true)
    })
    client.once('error', () => resolve(false))
  })
}
