/** The maximum outages to remember. Beyond it the oldest is forgotten. */
const MAX_OUTAGES = 1_024

interface Outage {
  /** When a request first failed: milliseconds since 1970. */
  readonly sinceMs: number
  /** Until when requests are held, and when one last failed, by the monotonic clock. */
  holdUntilMs: number
  lastMs: number
}

/** A service of one environment. */
export interface Served {
  readonly environment: string
  readonly service: string
}

/** The services that are down, by environment, and since when: from the first failure to the next response. */
export class Outages {
  readonly #outages = new Map<string, Outage>()
  readonly #holdMs: number

  /** `holdMs`: how long after the start of an outage requests are held. */
  constructor(holdMs: number) {
    this.#holdMs = holdMs
  }

  /** Whether there is no outage. Read for each response. */
  get none(): boolean {
    return this.#outages.size === 0
  }

  failed(served: Served, nowMs = performance.now()): void {
    const name = nameOf(served)
    const outage = this.#outages.get(name)
    if (outage === undefined) {
      if (this.#outages.size >= MAX_OUTAGES) this.#outages.delete(this.#outages.keys().next().value as string)
      this.#outages.set(name, { sinceMs: Date.now(), holdUntilMs: nowMs + this.#holdMs, lastMs: nowMs })
      return
    }
    // No request came for a long time, so the service may have returned and failed again. Allow a new wait.
    if (nowMs - outage.lastMs > this.#holdMs && nowMs > outage.holdUntilMs) {
      outage.holdUntilMs = nowMs + this.#holdMs
    }
    outage.lastMs = nowMs
  }

  responded(served: Served): void {
    this.#outages.delete(nameOf(served))
  }

  /** When the outage began: the first failed request since the last response. */
  since(served: Served): Date | undefined {
    const outage = this.#outages.get(nameOf(served))
    return outage && new Date(outage.sinceMs)
  }

  /** How much longer requests may be held, in milliseconds. 0 if no longer. */
  holdFor(served: Served, nowMs = performance.now()): number {
    return Math.max(0, (this.#outages.get(nameOf(served))?.holdUntilMs ?? nowMs) - nowMs)
  }
}

// Neither can contain a slash, because both are DNS labels.
const nameOf = ({ environment, service }: Served): string => `${environment}/${service}`
