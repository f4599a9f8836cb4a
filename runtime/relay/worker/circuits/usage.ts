/** What a circuit was used for since the last report: the content of `usage` messages (wire/circuits/messages.ts). */
export interface UsageReport {
  readonly id: string
  /** Requests and TCP connections since the last report. */
  readonly requests: number
  /** Requests, WebSockets, streams and TCP connections that are open now. */
  readonly open: number
  /** Milliseconds since the epoch: the time of the report. */
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
  /** Whether it is in the set of those that will be reported. */
  #isUsed = false
  readonly #used: Set<Usage>

  constructor(id: string, used: Set<Usage>) {
    this.id = id
    this.#used = used
  }

  begin(): void {
    this.open++
    this.total++
    if (!this.#isUsed) this.#mark()
  }

  end(): void {
    this.open--
    if (!this.#isUsed) this.#mark()
  }

  /** The use since the last report, which counts as use at this moment. */
  take(nowMs: number): UsageReport {
    const requests = this.total - this.#reported
    this.#reported = this.total
    this.#used.delete(this)
    this.#isUsed = false
    // At the end of the set, so that the next batch begins with others.
    if (this.open > 0) this.#mark()
    return { id: this.id, requests, open: this.open, lastAccessMs: nowMs }
  }

  /** A report did not arrive. */
  giveBack({ requests }: UsageReport): void {
    this.#reported -= requests
    this.#mark()
  }

  #mark(): void {
    this.#isUsed = true
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
    const taken = [...this.#used].slice(0, most).map((usage) => [usage, usage.take(nowMs)] as const)
    return {
      reports: taken.map(([, report]) => report),
      giveBack: () => {
        for (const [usage, report] of taken) usage.giveBack(report)
      },
    }
  }
}
