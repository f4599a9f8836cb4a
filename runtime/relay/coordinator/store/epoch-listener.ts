import { setTimeout as wait } from 'node:timers/promises'
import { Backoff } from '../../../process/backoff.ts'
import type { Logger } from '../../../process/log.ts'
import { type DatabaseAddress, openConnection, type OwnConnection } from './connection.ts'
import type { StoreLimits } from './limits.ts'

/** The channel of notifications. Their payload is the epoch. */
const CHANNEL = 'branchline'

/** Options of a listener. */
export interface EpochListenerOptions {
  readonly address: DatabaseAddress
  readonly limits: StoreLimits
  readonly logger: Logger
  /** Called when the connection is lost. */
  readonly onLost: () => void
}

/**
 * Follows the epoch: by notifications on a connection of its own, and by reading it after each connect and at intervals,
 * so that a lost notification only delays. It connects when the first listener comes.
 */
export class EpochListener {
  readonly #options: EpochListenerOptions
  readonly #listeners = new Set<(epoch: number) => void>()
  readonly #closed = new AbortController()
  #epoch = -1
  #running: Promise<void> | undefined

  constructor(options: EpochListenerOptions) {
    this.#options = options
  }

  /** The newest epoch that is known. -1: none yet. */
  get epoch(): number {
    return this.#epoch
  }

  listen(listener: (epoch: number) => void): () => void {
    this.#listeners.add(listener)
    if (this.#epoch >= 0) queueMicrotask(() => this.#listeners.has(listener) && listener(this.#epoch))
    this.#running ??= this.#follow()
    return () => this.#listeners.delete(listener)
  }

  /** Says that an epoch exists, for what this process has changed itself. */
  hint(epoch: number): void {
    if (epoch <= this.#epoch) return
    this.#epoch = epoch
    for (const listener of this.#listeners) listener(epoch)
  }

  async close(): Promise<void> {
    this.#closed.abort()
    this.#listeners.clear()
    await this.#running
  }

  async #follow(): Promise<void> {
    const { address, limits, logger, onLost } = this.#options
    const backoff = new Backoff(limits.reconnect)
    while (!this.#closed.signal.aborted) {
      try {
        const connection = await openConnection(address, limits)
        await this.#followOn(connection, () => backoff.reset())
      } catch (error) {
        if (this.#closed.signal.aborted) return
        logger.warn({ error: (error as Error).message }, 'the connection for notifications was lost')
        onLost()
      }
      await this.#wait(backoff.nextMs())
    }
  }

  async #followOn(connection: OwnConnection, connected: () => void): Promise<void> {
    const { client, query, lost } = connection
    try {
      client.on('notification', ({ payload }) => this.hint(Number(payload)))
      await query(`listen ${CHANNEL}`)
      connected()
      while (!this.#closed.signal.aborted) {
        // After `listen`, so that nothing falls in between.
        const [row] = await query<{ epoch: number }>('select epoch from relay')
        if (row !== undefined) this.hint(row.epoch)
        await this.#wait(this.#options.limits.epochPollMs, lost)
        if (lost.aborted) throw lost.reason
      }
    } finally {
      connection.close()
    }
  }

  async #wait(delayMs: number, until?: AbortSignal): Promise<void> {
    const { signal } = this.#closed
    const any = until === undefined ? signal : AbortSignal.any([signal, until])
    await wait(delayMs, undefined, { signal: any }).catch(() => undefined)
  }
}
