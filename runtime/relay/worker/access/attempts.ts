import { addressGroup } from '../../../process/address-group.ts'
import type { AccessLimits } from './limits.ts'

/** Counts failed tokens and codes by address, so that one address cannot try many. Its memory is bounded. */
export class FailedAttempts {
  readonly #limits: Pick<AccessLimits, 'failed' | 'failedMs' | 'failedAddresses'>
  readonly #now: () => number
  /** By address group, the oldest first. */
  readonly #counts = new Map<string, { count: number; readonly untilMs: number }>()

  constructor(limits: Pick<AccessLimits, 'failed' | 'failedMs' | 'failedAddresses'>, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  get size(): number {
    return this.#counts.size
  }

  /** Milliseconds until an address may try again; 0 if it may try now. */
  waitMs(address: string | undefined): number {
    const found = this.#counts.get(addressGroup(address))
    if (found === undefined || found.count < this.#limits.failed) return 0
    return Math.max(0, found.untilMs - this.#now())
  }

  failed(address: string | undefined): void {
    const group = addressGroup(address)
    const nowMs = this.#now()
    const found = this.#counts.get(group)
    if (found !== undefined && nowMs < found.untilMs) {
      found.count++
      return
    }
    this.#counts.delete(group)
    const [oldest] = this.#counts.keys()
    if (oldest !== undefined && this.#counts.size >= this.#limits.failedAddresses) this.#counts.delete(oldest)
    this.#counts.set(group, { count: 1, untilMs: nowMs + this.#limits.failedMs })
  }
}
