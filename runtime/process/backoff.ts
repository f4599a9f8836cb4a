/** The bounds of a growing wait, in milliseconds. */
export interface BackoffLimits {
  readonly firstMs: number
  readonly maxMs: number
}

/** The wait before the next try: doubled each time up to a maximum, then between half and all of that. */
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

  /** Starts anew, once a try has held. */
  reset(): void {
    this.#tries = 0
  }
}
