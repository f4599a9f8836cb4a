import { setTimeout as wait } from 'node:timers/promises'
import { Backoff, type BackoffLimits } from '../../../process/backoff.ts'
import { databaseError } from './failure.ts'

/** Whether the database responds. */
export type DatabaseState = 'up' | 'down'
type StateListener = (state: DatabaseState, reason: string) => void

/**
 * Knows whether the database responds, so that calls fail at once while it does not. An error of one connection says
 * little: only if a new connection fails too, the database is down. Then new connections are tried with backoff.
 */
export class Availability {
  readonly #probe: () => Promise<void>
  readonly #limits: BackoffLimits
  readonly #listeners = new Set<StateListener>()
  readonly #closed = new AbortController()
  #state: DatabaseState = 'up'
  #reason = ''
  #probing: Promise<void> | undefined

  /** `probe` opens a connection and rejects if that fails. */
  constructor(probe: () => Promise<void>, limits: BackoffLimits) {
    this.#probe = probe
    this.#limits = limits
  }

  get state(): DatabaseState {
    return this.#state
  }

  /** Throws BL_RELAY_DATABASE while the database is down, and after {@link close}. */
  admit(): void {
    if (this.#closed.signal.aborted) throw databaseError('The store is closed')
    if (this.#state === 'down') throw databaseError(`The database does not respond: ${this.#reason}`)
  }

  /** Calls the listener at each change of the state. Returns a function that removes it. */
  onState(listener: StateListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Tests the database, unless a test is running. Call it after an error of a connection. */
  suspect(): void {
    if (this.#probing !== undefined || this.#closed.signal.aborted) return
    this.#probing = this.#test().finally(() => {
      this.#probing = undefined
    })
  }

  /** Resolves when no test runs any more. */
  async close(): Promise<void> {
    this.#closed.abort()
    await this.#probing
  }

  async #test(): Promise<void> {
    const backoff = new Backoff(this.#limits)
    const { signal } = this.#closed
    while (!signal.aborted) {
      try {
        await this.#probe()
        return this.#set('up', '')
      } catch (error) {
        if (!signal.aborted) this.#set('down', (error as Error).message)
      }
      await wait(backoff.nextMs(), undefined, { signal }).catch(() => undefined)
    }
  }

  #set(state: DatabaseState, reason: string): void {
    this.#reason = reason
    if (this.#state === state) return
    this.#state = state
    for (const listener of this.#listeners) listener(state, reason)
  }
}
