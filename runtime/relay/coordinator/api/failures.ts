import type { ApiCounts } from './counts.ts'
import type { ApiLimits } from './limits.ts'

interface Count {
  readonly sinceMs: number
  failures: number
}

/**
 * Counts failed authentications by address. Tokens cannot be guessed; the limit keeps wrong ones from the database.
 * A token that was valid a moment ago is never held back, so that one wrong client does not stop others behind the same
 * address.
 */
export class Failures {
  readonly #limits: Pick<ApiLimits, 'failures' | 'failureWindowMs' | 'failingAddresses'>
  readonly #counts = new Map<string, Count>()
  readonly #known = new Set<string>()
  readonly #total: ApiCounts | undefined

  constructor(
    limits: Pick<ApiLimits, 'failures' | 'failureWindowMs' | 'failingAddresses'>,
    total?: ApiCounts,
  ) {
    this.#limits = limits
    this.#total = total
  }

  /** Seconds for which the address has to wait with this token. 0: not at all. */
  waitSeconds(address: string, tokenHash: string, nowMs: number): number {
    const count = this.#counts.get(address)
    if (count === undefined || this.#known.has(tokenHash)) return 0
    const leftMs = count.sinceMs + this.#limits.failureWindowMs - nowMs
    if (leftMs <= 0) this.#counts.delete(address)
    if (leftMs <= 0 || count.failures < this.#limits.failures) return 0
    if (this.#total !== undefined) this.#total.limitedAuthentications++
    return Math.ceil(leftMs / 1000)
  }

  /** A token was wrong. */
  failed(address: string, tokenHash: string, nowMs: number): void {
    this.#known.delete(tokenHash)
    if (this.#total !== undefined) this.#total.failedAuthentications++
    const count = this.#counts.get(address)
    if (count !== undefined && nowMs - count.sinceMs < this.#limits.failureWindowMs) {
      count.failures++
      return
    }
    this.#counts.delete(address)
    this.#counts.set(address, { sinceMs: nowMs, failures: 1 })
    trim(this.#counts, this.#limits.failingAddresses)
  }

  /** A token was valid. */
  succeeded(tokenHash: string): void {
    this.#known.add(tokenHash)
    trim(this.#known, this.#limits.failingAddresses)
  }
}

/** Removes the oldest entry if there are too many. */
function trim(entries: Map<string, unknown> | Set<string>, most: number): void {
  if (entries.size <= most) return
  for (const key of entries.keys()) {
    entries.delete(key)
    return
  }
}
