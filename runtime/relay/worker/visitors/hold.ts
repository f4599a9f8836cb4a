/** The bounds of requests that wait for their cluster, or for room on its links. */
export interface HoldLimits {
  /**
   * From the end of a cluster's last connection: its requests wait until then for a new one. So long, too, a request
   * waits for room where all links of its cluster are full. Default: 5 s.
   */
  readonly holdMs: number
  /** Requests that wait at a time; one more is refused at once. Default: 1,000. */
  readonly held: number
}

interface Held {
  readonly label: string
  readonly timer: NodeJS.Timeout
  readonly goOn: () => void
}

/** Requests that wait for their cluster to connect again, or for room. Nothing more is read of their clients meanwhile. */
export class Hold {
  readonly #limits: HoldLimits
  readonly #isServed: (label: string) => boolean
  readonly #held = new Set<Held>()
  /** Requests that are over since the last turn. */
  #over = 0

  constructor(limits: HoldLimits, isServed: (label: string) => boolean) {
    this.#limits = limits
    this.#isServed = isServed
  }

  get size(): number {
    return this.#held.size
  }

  /**
   * Waits until the label is served, or has not been for too long. Undefined where a request may not wait (any more).
   */
  wait(label: string, sinceMs: number): Promise<void> | undefined {
    const leftMs = sinceMs + this.#limits.holdMs - performance.now()
    if (leftMs <= 0 || this.#held.size >= this.#limits.held) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    const goOn = (): void => {
      clearTimeout(held.timer)
      this.#held.delete(held)
      resolve()
    }
    const held: Held = { label, goOn, timer: setTimeout(() => goOn(), leftMs) }
    this.#held.add(held)
    return promise
  }

  /** A request is over: another one goes on in the next turn, when the stream is over as well. */
  released(): void {
    if (this.#held.size === 0) return
    if (this.#over++ === 0) setImmediate(() => this.#next())
  }

  #next(): void {
    let left = this.#over
    this.#over = 0
    for (const { label, goOn } of this.#held) {
      if (left === 0) return
      if (!this.#isServed(label)) continue
      goOn()
      left--
    }
  }

  /** A cluster has registered something: lets those go on that wait for it. */
  wake(): void {
    for (const { label, goOn } of this.#held) if (this.#isServed(label)) goOn()
  }
}
