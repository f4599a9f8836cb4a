/** Which app may serve a key, between two moments. Moments are counted, not timed. */
interface Period {
  readonly app: string
  readonly from: number
  until: number
}

/**
 * What the campaign expects of the routing. From the publication of a change to its acknowledgement, both the old and
 * the new app are right.
 */
export class Expectation {
  #moment = 0
  readonly #periods = new Map<string, Period[]>()

  /** The current moment, to be recorded when a request begins. */
  get moment(): number {
    return this.#moment
  }

  /** From now on this app may serve the key's requests. Call the result once no other app may. */
  change(key: string, app: string): () => void {
    const periods = this.#periods.get(key) ?? []
    const before = periods.at(-1)
    periods.push({ app, from: ++this.#moment, until: Number.POSITIVE_INFINITY })
    this.#periods.set(key, periods)
    return () => {
      if (before !== undefined) before.until = ++this.#moment
    }
  }

  /** Whether this app was allowed to serve a request of the key that began at this moment and has just ended. */
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
