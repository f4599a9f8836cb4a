/** The limits of a growing wait, in milliseconds. */
export interface BackoffLimits {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * Computes the wait before the next attempt. The wait doubles each time up to a maximum; the result is between half of
 * it and all of it.
 */
export class Backoff {
  readonly #limits: BackoffLimits
  #tries = 0

  constructor(limits: BackoffLimits) {
    this.#limits = limits
  }

  nextMs(): number {
    const { firstMs, maxMs } = this.#limits
    const fullMs = Math.min(maxMs, firstMs * 2 ** Math.min(this.#tries++, 30))
    return fullMs / 2 + (Math.random() * fullMs) / 2
  }

  /** Starts again at the shortest wait. Call it after an attempt has succeeded. */
  reset(): void {
    this.#tries = 0
  }
}
