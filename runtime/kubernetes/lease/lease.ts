import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '../../process/log.ts'
import { ApiError } from '../api-error.ts'
import { microTime } from '../events.ts'
import { DEFAULT_LEASE_LIMITS, type LeaseLimits } from './limits.ts'
import { heldSpec, type LeaseRecord, mayTake, type Observation, observe, releasedSpec } from './record.ts'
import type { LeaseStore } from './store.ts'

/** The dependencies of an election. */
export interface LeaseOptions {
  readonly store: LeaseStore
  /** This replica's name. It must be unique, and must change with each restart. */
  readonly identity: string
  readonly logger: Logger
  /** This replica leads from now on. Called once per term, never within `start`. */
  readonly onElected: () => void
  /** This replica no longer leads, but may be elected again. It must stop at once what only a leader may do. */
  readonly onLost: () => void
  /**
   * Called on a replica that led, once another replica is known to lead or this one leaves the election. It
   * follows `onLost`, possibly long after, if no replica could reach the API.
   */
  readonly onFollowed: () => void
  /** Default: {@link DEFAULT_LEASE_LIMITS}. */
  readonly limits?: LeaseLimits
}

/** One replica's part in an election. */
export interface Lease {
  start(): void
  /** Leaves the election. A leader releases the Lease, so that the next one takes over at once, and calls `onLost`. */
  stop(): Promise<void>
  /** Whether this replica leads now. False as soon as another one may lead. */
  readonly leading: boolean
  /** The leader that this replica last saw. Empty if there is none. */
  readonly holder: string
}

/** Takes part in an election over one Lease, by client-go's rules: its own clock, and guarded writes. */
export const createLease = (options: LeaseOptions): Lease => new Elector(options)

class Elector implements Lease {
  readonly #options: LeaseOptions
  readonly #limits: LeaseLimits
  readonly #stopping = new AbortController()
  #observation: Observation | undefined
  /** When this replica last read the Lease, and whether a try has failed since. */
  #lookedAtMs = 0
  #isBlind = false
  #leads = false
  /** This replica has led, and is not known to have been followed by another. */
  #isLast = false
  /** When the last successful renewal was sent. */
  #renewedAtMs = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined
  #complaint: string | undefined

  constructor(options: LeaseOptions) {
    this.#options = options
    this.#limits = options.limits ?? DEFAULT_LEASE_LIMITS
  }

  get leading(): boolean {
    return this.#leads && this.#ageMs() < this.#limits.leaseDurationSeconds * 1000
  }

  get holder(): string {
    return this.#observation?.record.holder ?? ''
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    this.#lose('stopping')
    this.#follow()
    if (this.holder === this.#options.identity) await this.#release()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { retryPeriodMs } = this.#limits
    while (!signal.aborted) {
      await this.#try()
      // A random delay keeps many followers from trying at the same time (client-go's jitter).
      const jitter = this.#leads ? 1 : 1 + Math.random() * 0.2
      await wait(retryPeriodMs * jitter, undefined, { signal }).catch(() => undefined)
    }
  }

  async #try(): Promise<void> {
    const { renewDeadlineMs, requestTimeoutMs } = this.#limits
    const sentAtMs = performance.now()
    const leftMs = this.#leads ? Math.max(1, renewDeadlineMs - this.#ageMs()) : requestTimeoutMs
    const timeoutMs = Math.min(requestTimeoutMs, leftMs)
    const deadline = setTimeout(() => this.#expire(), leftMs)
    try {
      const held = await this.#acquire(timeoutMs)
      this.#recovered()
      if (held) this.#hold(sentAtMs)
      else {
        this.#lose('another replica holds the lease')
        this.#follow()
      }
    } catch (error) {
      // Another candidate was faster. The next read shows which one.
      if (error instanceof ApiError && error.status === 409) return
      this.#isBlind = true
      this.#complain(error as Error)
    } finally {
      clearTimeout(deadline)
      // The timer may have been due while the event loop was busy.
      this.#expire()
    }
  }

  async #acquire(timeoutMs: number): Promise<boolean> {
    const { store, identity } = this.#options
    const durationSeconds = this.#limits.leaseDurationSeconds
    const now = microTime(new Date())
    const record = await store.read({ timeoutMs })
    if (record === undefined) {
      this.#observe(await store.create(heldSpec(undefined, identity, durationSeconds, now), { timeoutMs }))
      return true
    }
    const observation = this.#observe(record)
    if (!mayTake(observation, identity, performance.now())) return false
    const spec = heldSpec(record, identity, durationSeconds, now)
    this.#observe(await store.replace(record.resourceVersion, spec, { timeoutMs }))
    return true
  }

  #observe(record: LeaseRecord): Observation {
    const nowMs = performance.now()
    // Time during which the Lease could not be read does not count as silence of the holder.
    if (this.#isBlind && this.#observation !== undefined) {
      this.#observation = { ...this.#observation, atMs: this.#observation.atMs + nowMs - this.#lookedAtMs }
    }
    this.#isBlind = false
    this.#lookedAtMs = nowMs
    this.#observation = observe(this.#observation, record, nowMs)
    return this.#observation
  }

  #hold(sentAtMs: number): void {
    this.#renewedAtMs = sentAtMs
    if (this.#leads || this.#stopping.signal.aborted || this.#late()) return
    this.#leads = true
    this.#isLast = true
    const { identity, logger, onElected } = this.#options
    logger.info({ identity }, 'elected')
    onElected()
  }

  #ageMs(): number {
    return performance.now() - this.#renewedAtMs
  }

  #late(): boolean {
    return this.#ageMs() >= this.#limits.renewDeadlineMs
  }

  #expire(): void {
    if (this.#late()) this.#lose('not renewed in time')
  }

  #lose(reason: string): void {
    if (!this.#leads) return
    this.#leads = false
    const { identity, logger, onLost } = this.#options
    logger.info({ identity, reason, holder: this.holder }, 'no longer leads')
    onLost()
  }

  #follow(): void {
    if (!this.#isLast) return
    this.#isLast = false
    this.#options.onFollowed()
  }

  async #release(): Promise<void> {
    const { store, logger } = this.#options
    const record = this.#observation?.record
    if (record === undefined) return
    try {
      const timeoutMs = this.#limits.requestTimeoutMs
      await store.replace(record.resourceVersion, releasedSpec(record, microTime(new Date())), { timeoutMs })
    } catch (error) {
      logger.warn({ err: error }, 'could not release the lease: the next leader waits until it expires')
    }
  }

  #complain(error: Error): void {
    if (error.message === this.#complaint) return
    this.#complaint = error.message
    this.#options.logger.warn({ err: error }, 'cannot read or write the lease, trying again')
  }

  #recovered(): void {
    if (this.#complaint !== undefined) this.#options.logger.info('can read and write the lease again')
    this.#complaint = undefined
  }
}
