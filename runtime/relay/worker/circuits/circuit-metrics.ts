import { exposition, Histogram, histogramExposition, type Labels } from '../../../process/exposition.ts'

/** Classes of codes, by the first digit. 0 means that the client got no response. */
const CODES = ['none', ...Array.from({ length: 9 }, (_, index) => `${index + 1}xx`)]
const BOUNDS = [0.005, 0.05, 0.5, 5, 30]
/** The maximum circuits that are counted by key. Further ones are counted under {@link OTHER}. */
const MAX_CIRCUITS = 500
const OTHER = 'other'

/** What is counted of one circuit, or of all that have no counts of their own. */
export class CircuitCounts {
  readonly requests = CODES.map(() => 0)
  readonly seconds = new Histogram(BOUNDS)
  open = 0
  inBytes = 0
  outBytes = 0
  /** Circuits that use it. */
  users = 0

  done(status: number, ms: number): void {
    const code = Math.floor(status / 100)
    this.requests[code] = (this.requests[code] as number) + 1
    this.seconds.observe(ms / 1_000)
  }

  moved(inBytes: number, outBytes: number): void {
    this.inBytes += inBytes
    this.outBytes += outBytes
  }
}

/** Counts by circuit, with Prometheus' conventions. The number of circuits that have their own label is bounded. */
export class CircuitMetrics {
  readonly #counts = new Map<string, CircuitCounts>()
  #refused = 0
  readonly #circuits: () => number

  constructor(circuits: () => number) {
    this.#circuits = circuits
  }

  /** The counts of a circuit, by its key. Give them back with {@link forget}. */
  of(key: string): CircuitCounts {
    const label = this.#counts.has(key) || this.#counts.size < MAX_CIRCUITS ? key : OTHER
    const counts = this.#counts.get(label) ?? new CircuitCounts()
    this.#counts.set(label, counts)
    counts.users++
    return counts
  }

  /** The circuit is gone. Its label is, too, so that short-lived circuits do not use up the labels. */
  forget(key: string, counts: CircuitCounts): void {
    if (--counts.users === 0 && this.#counts.get(key) === counts) this.#counts.delete(key)
  }

  /** A connection to a port was closed at once: by its allow-list, or by a limit. */
  connectionRefused(): void {
    this.#refused++
  }

  /** The lines of all metrics. */
  read(): string {
    const all = [...this.#counts].map(([circuit, counts]) => [{ circuit }, counts] as const)
    const gauge = (value: (counts: CircuitCounts) => number): (readonly [Labels, number])[] =>
      all.map(([labels, counts]) => [labels, value(counts)])
    return [
      exposition('branchline_relay_circuits', 'gauge', 'Circuits that this worker serves.', [
        [{}, this.#circuits()],
      ]),
      exposition(
        'branchline_relay_circuit_requests_total',
        'counter',
        'Requests and TCP connections, by circuit and class of the response.',
        requestsOf(all),
      ),
      histogramExposition(
        'branchline_relay_circuit_request_seconds',
        'Time from a request’s head to the end of its response, by circuit.',
        all.map(([labels, { seconds }]) => [labels, seconds] as const),
      ),
      exposition(
        'branchline_relay_circuit_bytes_total',
        'counter',
        'Bytes of bodies and TCP connections, by circuit and direction.',
        all.flatMap(([labels, { inBytes, outBytes }]) => [
          [{ ...labels, direction: 'in' }, inBytes] as const,
          [{ ...labels, direction: 'out' }, outBytes] as const,
        ]),
      ),
      exposition(
        'branchline_relay_circuit_open',
        'gauge',
        'Open requests, WebSockets and TCP connections, by circuit.',
        gauge(({ open }) => open),
      ),
      exposition(
        'branchline_relay_port_refused_total',
        'counter',
        'Connections to ports of circuits that were closed at once, because of an allow-list or a limit.',
        [[{}, this.#refused]],
      ),
    ].join('')
  }
}

function* requestsOf(
  all: readonly (readonly [Labels, CircuitCounts])[],
): Iterable<readonly [Labels, number]> {
  for (const [labels, { requests }] of all) {
    for (const [index, code] of CODES.entries()) {
      const count = requests[index] as number
      if (count > 0) yield [{ ...labels, code }, count]
    }
  }
}
