/** The limits of requests that wait for their cluster or for room on its links. */
export interface HoldLimits {
  /**
   * How long after the end of a cluster's last connection its requests wait for a new one. Also how long a request waits
   * for room if all links of its cluster are full. Default: 5 s.
   */
  readonly holdMs: number
  /** The maximum requests that wait at a time. Further ones are refused at once. Default: 1,000. */
  readonly held: number
}

interface Held {
  readonly label: string
  readonly timer: NodeJS.Timeout
  readonly resume: () => void
}

/** Requests that wait for their cluster to reconnect or for room. Meanwhile nothing more is read from their clients. */
export class Hold {
  readonly #limits: HoldLimits
  readonly #isServed: (label: string) => boolean
  readonly #held = new Set<Held>()
  /** The number of requests that have ended since the last turn. */
  #over = 0

  constructor(limits: HoldLimits, isServed: (label: string) => boolean) {
    this.#limits = limits
    this.#isServed = isServed
  }

  get size(): number {
    return this.#held.size
  }

  /**
   * Waits until the label is served, or the time is over. Undefined if a request may not wait (any more).
   */
  wait(label: string, sinceMs: number): Promise<void> | undefined {
    const leftMs = sinceMs + this.#limits.holdMs - performance.now()
    if (leftMs <= 0 || this.#held.size >= this.#limits.held) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    const resume = (): void => {
      clearTimeout(held.timer)
      this.#held.delete(held)
      resolve()
    }
    const held: Held = { label, resume, timer: setTimeout(() => resume(), leftMs) }
    this.#held.add(held)
    return promise
  }

  /** A request has ended. Another one resumes in the next turn, when its stream has ended as well. */
  released(): void {
    if (this.#held.size === 0) return
    if (this.#over++ === 0) setImmediate(() => this.#next())
  }

  #next(): void {
    let left = this.#over
    this.#over = 0
    for (const { label, resume } of this.#held) {
      if (left === 0) return
      if (!this.#isServed(label)) continue
      resume()
      left--
    }
  }

  /** A cluster has registered something: resumes the requests that wait for it. */
  wake(): void {
    for (const { label, resume } of this.#held) if (this.#isServed(label)) resume()
  }
}
