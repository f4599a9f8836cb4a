/** The most services whose outage is remembered; the oldest is forgotten then. */
const MAX_OUTAGES = 1_024

interface Outage {
  /** When a request first failed: milliseconds since 1970. */
  readonly sinceMs: number
  /** Until when requests are held for it, and when one last failed, by the monotonic clock. */
  holdUntilMs: number
  lastMs: number
}

/** A service as one environment runs it. */
export interface Served {
  readonly environment: string
  readonly service: string
}

/** Which services of which environments nobody answers for, and since when: from a first failure to an answer. */
export class Outages {
  readonly #outages = new Map<string, Outage>()
  readonly #holdMs: number

  /** `holdMs`: how long after its beginning requests are held for a service that is to be waited for. */
  constructor(holdMs: number) {
    this.#holdMs = holdMs
  }

  /** Whether there is none: asked for each answer. */
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
    // Nobody asked for long, so that it may have come and gone in between: waited for anew.
    if (nowMs - outage.lastMs > this.#holdMs && nowMs > outage.holdUntilMs) {
      outage.holdUntilMs = nowMs + this.#holdMs
    }
    outage.lastMs = nowMs
  }

  answered(served: Served): void {
    this.#outages.delete(nameOf(served))
  }

  /** When the first request failed that no answer has followed. */
  since(served: Served): Date | undefined {
    const outage = this.#outages.get(nameOf(served))
    return outage && new Date(outage.sinceMs)
  }

  /** How much longer requests may be held for it, in milliseconds; 0 where no more. */
  holdFor(served: Served, nowMs = performance.now()): number {
    return Math.max(0, (this.#outages.get(nameOf(served))?.holdUntilMs ?? nowMs) - nowMs)
  }
}

// Neither may hold a slash: both are DNS labels.
const nameOf = ({ environment, service }: Served): string => `${environment}/${service}`
