/** Who may serve a key, from one moment to another; moments are counted, not timed. */
interface Period {
  readonly app: string
  readonly from: number
  until: number
}

/**
 * What the campaign holds the routing to. A change is under way from its publication to its acknowledgement:
 * until then both the old and the new app are right.
 */
export class Expectation {
  #moment = 0
  readonly #periods = new Map<string, Period[]>()

  /** To be noted when a request begins. */
  get moment(): number {
    return this.#moment
  }

  /** The key's requests may be served by this app from now on. Call what is returned once nobody else may. */
  change(key: string, app: string): () => void {
    const periods = this.#periods.get(key) ?? []
    const before = periods.at(-1)
    periods.push({ app, from: ++this.#moment, until: Number.POSITIVE_INFINITY })
    this.#periods.set(key, periods)
    return () => {
      if (before !== undefined) before.until = ++this.#moment
    }
  }

  /** Whether this app may have served a request of the key that began at this moment and has just ended. */
  allows(key: string, app: string, began: number): boolean {
    const periods = this.#periods.get(key) ?? []
    for (let i = periods.length - 1; i >= 0; i--) {
      const period = periods[i] as Period
      if (period.until < began) return false
      if (period.app === app) return true
    }
    return false
  }
}
