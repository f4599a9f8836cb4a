import { setTimeout as wait } from 'node:timers/promises'
import { Backoff } from '../../../process/backoff.ts'
import type { Logger } from '../../../process/log.ts'
import { type DatabaseAddress, openConnection, type OwnConnection } from '../store/connection.ts'
import type { StoreLimits } from '../store/limits.ts'
import type { LeaderLimits } from './limits.ts'

/** The key of the advisory lock: `blle` in ASCII. Locks belong to one database. */
const LOCK = 0x626c_6c65

/** Options of a leader. */
export interface LeaderOptions {
  readonly address: DatabaseAddress
  readonly storeLimits: StoreLimits
  readonly limits: LeaderLimits
  readonly logger: Logger
}

type TermListener = (term: number | undefined) => void

/**
 * Takes part in the election of the one coordinator that leads. The leader holds an advisory lock on a connection of its
 * own, and has a term, which is higher than every term before. It stops leading as soon as the connection is lost.
 * PostgreSQL ends the connection of a leader that gives no sign (paused, cut off), so that another one can lead. What
 * the leader writes is fenced by {@link requireTerm}.
 */
export class Leader {
  readonly #options: LeaderOptions
  readonly #listeners = new Set<TermListener>()
  readonly #stopped = new AbortController()
  readonly #running: Promise<void>
  #term: number | undefined

  constructor(options: LeaderOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  /** The term while this coordinator leads, otherwise undefined. */
  get term(): number | undefined {
    return this.#term
  }

  /** Calls the listener with the term when this coordinator begins to lead, and with undefined when it stops. */
  onTerm(listener: TermListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Stops leading at once, so that another coordinator can lead. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { address, storeLimits, limits, logger } = this.#options
    const backoff = new Backoff(limits.reconnect)
    while (!this.#stopped.signal.aborted) {
      try {
        const connection = await openConnection(address, { ...storeLimits, answerMs: limits.answerMs })
        await this.#holdOn(connection, () => backoff.reset())
      } catch (error) {
        logger.debug({ error: (error as Error).message }, 'the connection of the election was lost')
      }
      await this.#wait(backoff.nextMs())
    }
  }

  async #holdOn(connection: OwnConnection, connected: () => void): Promise<void> {
    const { query, lost, close } = connection
    const stopLeading = (): void => this.#setTerm(undefined)
    lost.addEventListener('abort', stopLeading)
    try {
      await query(`set idle_session_timeout = ${this.#options.limits.silentMs}`)
      connected()
      while (!(await this.#tryLock(connection))) await this.#wait(this.#options.limits.tryMs, lost)
      // A single statement. It waits for changes of the previous leader that are being committed.
      const [row] = await query<{ term: number }>('update relay set term = term + 1 returning term')
      if (row !== undefined && !lost.aborted && !this.#stopped.signal.aborted) this.#setTerm(row.term)
      while (!lost.aborted && !this.#stopped.signal.aborted) {
        await this.#wait(this.#options.limits.showMs, lost)
        if (!lost.aborted && !this.#stopped.signal.aborted) await query('select')
      }
    } finally {
      stopLeading()
      close()
    }
  }

  async #tryLock({ query, lost }: OwnConnection): Promise<boolean> {
    if (lost.aborted) throw lost.reason
    this.#stopped.signal.throwIfAborted()
    const [row] = await query<{ locked: boolean }>(`select pg_try_advisory_lock(${LOCK}) as locked`)
    return row?.locked === true
  }

  #setTerm(term: number | undefined): void {
    if (this.#term === term) return
    const { logger } = this.#options
    if (term === undefined) logger.warn({ term: this.#term }, 'this coordinator no longer leads')
    else logger.info({ term }, 'this coordinator leads')
    this.#term = term
    for (const listener of this.#listeners) listener(term)
  }

  async #wait(delayMs: number, until?: AbortSignal): Promise<void> {
    const { signal } = this.#stopped
    const any = until === undefined ? signal : AbortSignal.any([signal, until])
    await wait(delayMs, undefined, { signal: any }).catch(() => undefined)
  }
}
