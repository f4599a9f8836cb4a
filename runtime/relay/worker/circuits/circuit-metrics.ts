import {
  Counts,
  exposition,
  Histogram,
  histogramExposition,
  type Labels,
  only,
} from '../../../process/exposition.ts'
import type { CircuitState } from './circuit-state.ts'

/** Classes of codes, by the first digit. 0 means that the client got no response. */
const CODES = ['none', ...Array.from({ length: 9 }, (_, index) => `${index + 1}xx`)]
const BOUNDS = [0.005, 0.05, 0.5, 5, 30]
/** The circuits that are counted by key, unless the configuration says otherwise. */
const MAX_CIRCUITS = 100
const OTHER = 'other'

/** Bytes of bodies and TCP connections. */
interface Bytes {
  inBytes: number
  outBytes: number
}

/** What is counted of one circuit, or of all that have no counts of their own. */
export class CircuitCounts {
  readonly requests = CODES.map(() => 0)
  readonly seconds = new Histogram(BOUNDS)
  open = 0
  inBytes = 0
  outBytes = 0
  /** Circuits that use it. */
  users = 0
  readonly #total: Bytes

  /** `total` counts the bytes of all circuits. */
  constructor(total: Bytes) {
    this.#total = total
  }

  done(status: number, ms: number): void {
    const code = Math.floor(status / 100)
    this.requests[code] = (this.requests[code] as number) + 1
    this.seconds.observe(ms / 1_000)
  }

  moved(inBytes: number, outBytes: number): void {
    this.inBytes += inBytes
    this.outBytes += outBytes
    this.#total.inBytes += inBytes
    this.#total.outBytes += outBytes
  }
}

/** What became of a TCP connection: it reached a target, it did not, or a list or limit closed it at once. */
export type ConnectionResult = 'reached' | 'failed' | 'refused'

/** Counts by circuit, with Prometheus' conventions. The number of circuits that have their own label is bounded. */
export class CircuitMetrics {
  /** TCP connections that are over, or were refused. */
  readonly connections = new Counts<ConnectionResult>('result')
  openConnections = 0
  readonly #counts = new Map<string, CircuitCounts>()
  readonly #total: Bytes = { inBytes: 0, outBytes: 0 }
  readonly #state: () => CircuitState
  readonly #max: number

  /** `max`: the circuits that are counted by key. Further ones are counted as `other`. 0: none is. */
  constructor(state: () => CircuitState, max = MAX_CIRCUITS) {
    this.#state = state
    this.#max = max
  }

  /** The counts of a circuit, by its key. Give them back with {@link forget}. */
  of(key: string): CircuitCounts {
    const label = this.#counts.has(key) || this.#counts.size < this.#max ? key : OTHER
    const counts = this.#counts.get(label) ?? new CircuitCounts(this.#total)
    this.#counts.set(label, counts)
    counts.users++
    return counts
  }

  /** The circuit is gone. Its label is, too, so that short-lived circuits do not use up the labels. */
  forget(key: string, counts: CircuitCounts): void {
    if (--counts.users === 0 && this.#counts.get(key) === counts) this.#counts.delete(key)
  }

  /** The lines of all metrics. */
  read(): string {
    const { circuits, targets } = this.#state()
    return [
      exposition(
        'branchline_relay_circuits',
        'gauge',
        'Circuits of this worker by status. unhealthy: no target takes requests. faulty: it cannot serve them.',
        by('status', circuits),
      ),
      exposition(
        'branchline_relay_targets',
        'gauge',
        'Targets of circuits by what health checks say. unknown: without a check.',
        by('health', targets),
      ),
      exposition(
        'branchline_relay_bytes_total',
        'counter',
        'Bytes of bodies and TCP connections by direction.',
        directionsOf({}, this.#total),
      ),
      exposition(
        'branchline_relay_port_connections',
        'gauge',
        'Open TCP connections to circuits.',
        only(this.openConnections),
      ),
      exposition(
        'branchline_relay_port_connections_total',
        'counter',
        'TCP connections to circuits that are over. refused: closed at once, because of an allow-list or a limit.',
        this.connections.samples(),
      ),
      ...(this.#max === 0 ? [] : this.#byCircuit()),
    ].join('')
  }

  #byCircuit(): string[] {
    const all = [...this.#counts].map(([circuit, counts]) => [{ circuit }, counts] as const)
    const gauge = (value: (counts: CircuitCounts) => number): (readonly [Labels, number])[] =>
      all.map(([labels, counts]) => [labels, value(counts)])
    return [
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
        all.flatMap(([labels, counts]) => directionsOf(labels, counts)),
      ),
      exposition(
        'branchline_relay_circuit_open',
        'gauge',
        'Open requests, WebSockets and TCP connections, by circuit.',
        gauge(({ open }) => open),
      ),
    ]
  }
}

const by = (label: string, counts: Readonly<Record<string, number>>): [Labels, number][] =>
  Object.entries(counts).map(([value, count]) => [{ [label]: value }, count])

const directionsOf = (labels: Labels, { inBytes, outBytes }: Readonly<Bytes>): [Labels, number][] => [
  [{ ...labels, direction: 'in' }, inBytes],
  [{ ...labels, direction: 'out' }, outBytes],
]

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
