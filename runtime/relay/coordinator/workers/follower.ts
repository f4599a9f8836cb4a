import { Backoff } from '../../../process/backoff.ts'
import type { BackoffLimits } from '../../../process/backoff.ts'
import type { Logger } from '../../../process/log.ts'
import { pause } from '../../../process/pause.ts'
import type { Store } from '../store/store.ts'
import { load, type Loaded } from './load.ts'

export interface FollowerOptions {
  readonly store: Store
  readonly retry: BackoffLimits
  readonly logger: Logger
  /** Called with everything that has changed up to an epoch, in order. */
  readonly onLoaded: (epoch: number, loaded: Loaded) => void
  /** Called after each read that followed a new epoch, with the time since that epoch was known. */
  readonly onFollowed?: ((ms: number) => void) | undefined
}

/** Follows the database: reads what has changed after each epoch, one read at a time. */
export class Follower {
  readonly #options: FollowerOptions
  readonly #waiting = new Set<{ readonly epoch: number; readonly resolve: () => void }>()
  readonly #stopped = new AbortController()
  #unlisten: (() => void) | undefined
  /** The epoch up to which everything has been read. */
  #epoch: number | undefined
  #newest = -1
  #behindSinceMs: number | undefined
  #running: Promise<void> | undefined

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  get epoch(): number {
    return this.#epoch ?? 0
  }

  /** Reads everything, and follows from there. Rejects if the database does not respond. */
  async start(): Promise<void> {
    await this.#read()
    this.#unlisten = this.#options.store.onEpoch((epoch) => this.#follow(epoch))
  }

  /** Resolves when everything up to an epoch has been read and passed on. */
  reached(epoch: number): Promise<void> {
    if (this.epoch >= epoch) return Promise.resolve()
    this.#follow(epoch)
    return new Promise((resolve) => this.#waiting.add({ epoch, resolve }))
  }

  async stop(): Promise<void> {
    this.#unlisten?.()
    this.#stopped.abort()
    await this.#running
    for (const { resolve } of this.#waiting) resolve()
    this.#waiting.clear()
  }

  #follow(epoch: number): void {
    this.#newest = Math.max(this.#newest, epoch)
    if (this.#newest > this.epoch) this.#behindSinceMs ??= performance.now()
    if (this.#newest > this.epoch) this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    const { logger, retry } = this.#options
    const backoff = new Backoff(retry)
    while (this.#newest > this.epoch && !this.#stopped.signal.aborted) {
      try {
        await this.#read()
        backoff.reset()
      } catch (error) {
        logger.warn({ err: error }, 'changes could not be read, trying again')
        await pause(backoff.nextMs(), this.#stopped.signal)
      }
    }
    this.#running = undefined
  }

  #followed(): void {
    if (this.#behindSinceMs === undefined || this.#newest > this.epoch) return
    this.#options.onFollowed?.(performance.now() - this.#behindSinceMs)
    this.#behindSinceMs = undefined
  }

  async #read(): Promise<void> {
    const { store, onLoaded } = this.#options
    const { epoch, value } = await store.snapshot((tx) => load(tx, this.#epoch))
    if (this.#stopped.signal.aborted) return
    this.#epoch = epoch
    onLoaded(epoch, value)
    this.#followed()
    for (const waiting of this.#waiting) {
      if (waiting.epoch > epoch) continue
      this.#waiting.delete(waiting)
      waiting.resolve()
    }
  }
}
