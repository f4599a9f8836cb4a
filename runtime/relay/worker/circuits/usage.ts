/** What a circuit was used for since the last report: the content of `usage` messages (wire/circuits/messages.ts). */
export interface UsageReport {
  readonly id: string
  /** Requests and TCP connections since the last report. */
  readonly requests: number
  /** Requests, WebSockets, streams and TCP connections that are open now. */
  readonly open: number
  /** Milliseconds since the epoch. An open connection counts as access now. */
  readonly lastAccessMs: number
}

/** The use of one circuit. */
export class Usage {
  readonly id: string
  /** Requests and connections that are open now. */
  open = 0
  /** The same so far. */
  total = 0
  #reported = 0
  #lastAccessMs = 0
  readonly #used: Set<Usage>

  constructor(id: string, used: Set<Usage>) {
    this.id = id
    this.#used = used
  }

  begin(): void {
    this.open++
    this.total++
    this.#used.add(this)
    this.#lastAccessMs = Date.now()
  }

  end(): void {
    this.open--
    this.#lastAccessMs = Date.now()
  }

  /** The use since the last report. */
  take(nowMs: number): UsageReport {
    const requests = this.total - this.#reported
    this.#reported = this.total
    if (this.open === 0) this.#used.delete(this)
    const lastAccessMs = this.open > 0 ? nowMs : this.#lastAccessMs
    return { id: this.id, requests, open: this.open, lastAccessMs }
  }

  /** A report did not arrive. */
  giveBack({ requests }: UsageReport): void {
    this.#reported -= requests
    this.#used.add(this)
  }
}

/** The use of all circuits, for reports in batches. */
export class Usages {
  readonly #used = new Set<Usage>()

  of(id: string): Usage {
    return new Usage(id, this.#used)
  }

  /** At most this many reports. A circuit with open connections reports each time. */
  take(most: number, nowMs = Date.now()): { readonly reports: readonly UsageReport[]; giveBack(): void } {
    const taken = [...this.#used].slice(0, most).map((usage) => {
      // At the end of the set, so that the next batch begins with others.
      this.#used.delete(usage)
      this.#used.add(usage)
      return [usage, usage.take(nowMs)] as const
    })
    return {
      reports: taken.map(([, report]) => report),
      giveBack: () => {
        for (const [usage, report] of taken) usage.giveBack(report)
      },
    }
  }
}
