import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '../../process/log.ts'
import { ApiError } from '../api-error.ts'
import { microTime } from '../events.ts'
import { DEFAULT_LEASE_LIMITS, type LeaseLimits } from './limits.ts'
import { heldSpec, type LeaseRecord, mayTake, type Observation, observe, releasedSpec } from './record.ts'
import type { LeaseStore } from './store.ts'

/** What an election needs. */
export interface LeaseOptions {
  readonly store: LeaseStore
  /** This replica's name: no other one's, and another after a restart. */
  readonly identity: string
  readonly logger: Logger
  /** This replica leads from now on; called once a term, never within `start`. */
  readonly onElected: () => void
  /** It leads no more, and may be elected again: what another one may do from now on must end at once. */
  readonly onLost: () => void
  /**
   * Called where it led, once it is known that another one leads or this one leaves the election; after
   * `onLost`, and long after it where nobody could reach the API.
   */
  readonly onFollowed: () => void
  /** Default: {@link DEFAULT_LEASE_LIMITS}. */
  readonly limits?: LeaseLimits
}

/** One replica's part in an election. */
export interface Lease {
  start(): void
  /** Leaves the election; a leader lets the next one take over at once. Calls `onLost` where it led. */
  stop(): Promise<void>
  /** Whether this replica leads now; false from the moment on from which another one may. */
  readonly leading: boolean
  /** Who leads, as far as this replica has seen; empty where nobody does. */
  readonly holder: string
}

/** Takes part in an election over one Lease of the API, by client-go's rules: own clock, guarded writes. */
export const createLease = (options: LeaseOptions): Lease => new Elector(options)

class Elector implements Lease {
  readonly #options: LeaseOptions
  readonly #limits: LeaseLimits
  readonly #stopping = new AbortController()
  #observation: Observation | undefined
  /** When the lease was last seen, and whether a try has failed since. */
  #lookedAtMs = 0
  #isBlind = false
  #leads = false
  /** It has led, and nobody else is known to have done so since. */
  #isLast = false
  /** When the last renewal that was taken was sent. */
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
      // A follower comes a little later each time, so that many do not come together (client-go's jitter).
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
        this.#lose('taken by another')
        this.#follow()
      }
    } catch (error) {
      // Somebody was faster: the next look says who.
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
    // Nobody renews what nobody can reach: a time without a look is no silence of the holder's.
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
    logger.info({ identity, reason, holder: this.holder }, 'leads no more')
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
      logger.warn({ err: error }, 'lease not released: the next leader waits for its end')
    }
  }

  #complain(error: Error): void {
    if (error.message === this.#complaint) return
    this.#complaint = error.message
    this.#options.logger.warn({ err: error }, 'cannot read or write the lease, trying again')
  }

  #recovered(): void {
    if (this.#complaint !== undefined) this.#options.logger.info('reads and writes the lease again')
    this.#complaint = undefined
  }
}
