import type { ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { join, resolve as resolvePath } from 'node:path'
import { Backoff } from '../../../../process/backoff.ts'
import type { Logger } from '../../../../process/log.ts'
import { StoreError } from '../errors.ts'
import type { EmbeddedLimits } from '../limits.ts'
import { type Account, findAccount } from './account.ts'
import { checkVersion, createData, giveTo, USER } from './data-folder.ts'
import { claimFolder, inUse, releaseData, socketFolderOf } from './owner.ts'
import { ServerOutput } from './output.ts'
import { startProgram } from './program.ts'
import { findPrograms, type Programs } from './programs.ts'
import { serverSettings } from './settings.ts'
import { createSocketFolder, PORT, type SocketFolder } from './socket-folder.ts'
import { signalAfterUs } from './watchdog.ts'

/** Options of the embedded server. */
export interface EmbeddedOptions {
  /** The folder of the server, such as `DIR/postgres`. It is created. Nothing else may be in it. */
  readonly folder: string
  /** Whether data survives a crash of the system. False is faster, for tests and for runs whose state is temporary. */
  readonly durable: boolean
  /** See {@link CreateOptions.templates}. */
  readonly templates?: string
  readonly limits: EmbeddedLimits
  readonly logger: Logger
}

/** How to connect to a server, in the words of `pg`. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}

/** The address of the server that runs in a folder. Throws BL_RELAY_EMBEDDED if there is none. */
export function runningAddress(folder: string): ServerAddress {
  const host = socketFolderOf(join(folder, 'data'))
  if (host !== undefined) return { host, port: PORT, user: USER, database: 'postgres' }
  throw new StoreError('BL_RELAY_EMBEDDED', `No relay runs with its PostgreSQL in ${folder}: start it first`)
}

/** What a start needs, found once. */
interface Place extends EmbeddedOptions {
  readonly data: string
  readonly account: Account
  readonly programs: Programs
  readonly sockets: SocketFolder
  /** Removes the record that this process uses the folder. */
  readonly release: () => void
}

/** A PostgreSQL server that belongs to this process. If it ends by itself, it is started again with backoff. */
export class EmbeddedServer {
  readonly #place: Place
  readonly #backoff: Backoff
  #child: ChildProcess | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #stopping = false

  private constructor(place: Place) {
    this.#place = place
    this.#backoff = new Backoff(place.limits.restart)
  }

  /**
   * Starts a server, and creates its data first if there is none. Resolves when the server accepts connections. Rejects
   * with BL_RELAY_EMBEDDED and a sentence that says what to do.
   */
  static async start(options: EmbeddedOptions): Promise<EmbeddedServer> {
    const server = new EmbeddedServer(await preparePlace(options))
    try {
      await server.#launch()
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  get address(): ServerAddress {
    return { host: this.#place.sockets.path, port: PORT, user: USER, database: 'postgres' }
  }

  /** The process of the server. Undefined while it is down. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Stops the server in order: transactions are rolled back, and the data is complete on disk. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    const child = this.#child
    if (child !== undefined) {
      const { durable, limits } = this.#place
      child.kill(durable ? 'SIGINT' : 'SIGQUIT')
      const timer = setTimeout(() => child.kill('SIGQUIT'), limits.stopMs)
      const last = setTimeout(() => child.kill('SIGKILL'), 2 * limits.stopMs)
      await this.#ended
      clearTimeout(timer)
      clearTimeout(last)
    }
    this.#place.sockets.remove()
    this.#place.release()
  }

  async #launch(): Promise<void> {
    const { data, account, programs, sockets, durable, limits, logger, folder } = this.#place
    const settings = Object.entries(serverSettings(sockets.path, durable))
    const flags = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = startProgram(
      account,
      programs.postgres,
      ['-D', data, ...flags],
      ['ignore', 'ignore', 'pipe'],
    )
    const ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(`exited with ${code ?? signal}`))
      child.once('error', (error) => resolve(error.message))
    })
    const output = new ServerOutput(child.stderr as NonNullable<typeof child.stderr>, logger)
    const callOff =
      child.pid === undefined ? () => undefined : signalAfterUs(child.pid, durable ? 'INT' : 'QUIT')
    this.#child = child
    this.#ended = ended.then(() => {
      callOff()
      this.#child = undefined
    })
    const failure = await firstOf(output.ready, ended, limits.startMs)
    if (failure !== undefined) {
      if (output.inUse) throw inUse(folder)
      const message = `The embedded PostgreSQL in ${folder} does not start (${failure}): ${output.last}`
      throw new StoreError('BL_RELAY_EMBEDDED', message)
    }
    this.#backoff.reset()
    void ended.then((reason) => this.#restart(reason))
  }

  #restart(reason: string): void {
    if (this.#stopping) return
    const { logger } = this.#place
    const delayMs = Math.round(this.#backoff.nextMs())
    logger.error({ reason, delayMs }, 'the embedded PostgreSQL has ended and is started again')
    this.#timer = setTimeout(() => void this.#relaunch(), delayMs)
  }

  async #relaunch(): Promise<void> {
    const { folder, data, limits, logger } = this.#place
    try {
      await releaseData(folder, data, limits.stopMs, logger)
      if (!this.#stopping) await this.#launch()
    } catch (error) {
      // A server that did not get ready in time may still run.
      this.#child?.kill('SIGKILL')
      await this.#ended
      this.#restart((error as Error).message)
    }
  }
}

/** Errors of the file system become BL_RELAY_EMBEDDED, with the path in their text. */
async function preparePlace(options: EmbeddedOptions): Promise<Place> {
  try {
    return await prepare(options)
  } catch (error) {
    if (error instanceof StoreError) throw error
    const message = `The embedded PostgreSQL cannot use ${options.folder}: ${(error as Error).message}`
    throw new StoreError('BL_RELAY_EMBEDDED', message, { cause: error })
  }
}

async function prepare(options: EmbeddedOptions): Promise<Place> {
  const programs = findPrograms()
  const account = await findAccount(programs.postgres)
  const folder = resolvePath(options.folder)
  const data = join(folder, 'data')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  if (account.user !== undefined) chownSync(folder, account.user.uid, account.user.gid)
  await releaseData(folder, data, options.limits.stopMs, options.logger)
  const timeoutMs = options.limits.createMs
  if (!checkVersion(data, programs)) await createData(folder, { ...options, account, programs, timeoutMs })
  // PostgreSQL refuses data that a group may write, which a volume with Kubernetes' fsGroup makes of it.
  chmodSync(data, 0o700)
  const sockets = createSocketFolder(folder)
  giveTo(account, sockets.path)
  const release = claimFolder(folder)
  return { ...options, folder, data, account, programs, sockets, release }
}

/** Resolves with undefined if `ready` comes first, otherwise with the reason. */
async function firstOf(
  ready: Promise<void>,
  ended: Promise<string>,
  timeoutMs: number,
): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`not ready within ${timeoutMs} ms`), timeoutMs)
  })
  const first = await Promise.race([ready, ended, late])
  clearTimeout(timer)
  return first ?? undefined
}
