import {
  CONTENT_TYPE,
  Counts,
  exposition,
  Histogram,
  histogramExposition,
  type Labels,
  only,
  type Scrape,
} from '../process/exposition.ts'

/** The values that are read at each scrape. */
export interface MetricsSource {
  readonly clusters: () => number
  readonly links: () => number
  readonly labels: () => number
  readonly streams: () => number
  readonly stalledStreams: () => number
  readonly held: () => number
  readonly connections: () => number
  readonly coordinatorConnected: () => number
  /** The term and epoch of the table that applies; -1 before the first one. */
  readonly term: () => number
  readonly epoch: () => number
  readonly heartbeats: () => number
  readonly stalls: () => Readonly<Record<'credit' | 'link', number>>
  readonly checks: () => Readonly<Record<'passed' | 'failed', number>>
}

/** The kind of circuit of a request. `none`: no circuit has its host. */
const KINDS = ['preview', 'subdomain', 'port', 'none'] as const
export type Kind = (typeof KINDS)[number]

/** The cluster label of a request for an unknown host, or for a circuit that leads to no cluster. */
const NO_CLUSTER = ''
/** Classes of codes, by the first digit. 0 means that the visitor got no response. */
const CODES = ['none', ...Array.from({ length: 9 }, (_, index) => `${index + 1}xx`)]
const BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30]
/** The maximum clusters that are counted by name. Requests of further ones are counted under {@link OTHER}. */
const MAX_CLUSTERS = 1_000
const OTHER = 'other'
const UNSPECIFIED = 'unspecified'

/**
 * A worker's metrics, with Prometheus' conventions. Labels are clusters, kinds, classes of codes and reasons, all of
 * which are few.
 */
export class RelayMetrics {
  readonly #source: MetricsSource
  /** By cluster: the number of requests for each kind and class of code. */
  readonly #requests = new Map<string, number[]>()
  readonly #seconds = KINDS.map(() => new Histogram(BOUNDS))
  readonly #replies = new Counts<string>('reason')
  #total = 0
  #refused = 0

  constructor(source: MetricsSource) {
    this.#source = source
  }

  /** Requests so far. */
  get requests(): number {
    return this.#total
  }

  /** A connection was closed at once, because its address had as many as it may have. */
  connectionRefused(): void {
    this.#refused++
  }

  exchangeDone(cluster: string | undefined, kind: Kind, status: number, ms: number): void {
    const counts = this.#countsOf(cluster ?? NO_CLUSTER)
    const index = KINDS.indexOf(kind)
    const at = index * CODES.length + Math.floor(status / 100)
    counts[at] = (counts[at] as number) + 1
    this.#total++
    this.#seconds[index]?.observe(ms / 1000)
  }

  /** The relay itself responded, for this reason: access, a limit, or a fault. Reasons are few. */
  replied(reason: string | undefined): void {
    this.#replies.inc(reason ?? UNSPECIFIED)
  }

  read(): Promise<Scrape> {
    const text = [
      exposition(
        'branchline_relay_requests_total',
        'counter',
        'Requests of visitors, by the cluster of the circuit (empty: none, or an unknown host), the kind of the circuit and ' +
          'the class of the response.',
        this.#samples(),
      ),
      histogramExposition(
        'branchline_relay_request_seconds',
        'Time from a request’s head to the end of its response, by the kind of the circuit.',
        KINDS.map((kind, index) => [{ kind }, this.#seconds[index] as Histogram] as const),
      ),
      exposition(
        'branchline_relay_replies_total',
        'counter',
        'Responses of the relay itself instead of a target, by reason: access that was refused, a limit, or a fault.',
        this.#replies.samples(),
      ),
      exposition(
        'branchline_relay_refused_connections_total',
        'counter',
        'Connections of visitors that were closed because their address had too many.',
        only(this.#refused),
      ),
      ...GAUGES.map(([name, field, help]) =>
        exposition(`branchline_relay_${name}`, 'gauge', help, only(this.#source[field]())),
      ),
      ...this.#counters(),
    ]
    return Promise.resolve({ contentType: CONTENT_TYPE, text: text.join('') })
  }

  #counters(): string[] {
    const { heartbeats, stalls, checks } = this.#source
    return [
      exposition(
        'branchline_relay_heartbeats_total',
        'counter',
        'Heartbeats that were sent to a coordinator.',
        only(heartbeats()),
      ),
      exposition(
        'branchline_relay_tunnel_stalls_total',
        'counter',
        'How often bytes of a stream began to wait, by what for: credit of the cluster, or room on the link.',
        by('cause', stalls()),
      ),
      exposition(
        'branchline_relay_health_checks_total',
        'counter',
        'Health checks of targets by result.',
        by('result', checks()),
      ),
    ]
  }

  #countsOf(cluster: string): number[] {
    const known = this.#requests.get(cluster)
    if (known !== undefined) return known
    if (this.#requests.size >= MAX_CLUSTERS && cluster !== OTHER) return this.#countsOf(OTHER)
    const counts = KINDS.flatMap(() => CODES.map(() => 0))
    this.#requests.set(cluster, counts)
    return counts
  }

  *#samples(): Iterable<[Labels, number]> {
    for (const [cluster, counts] of this.#requests) {
      for (const [index, count] of counts.entries()) {
        const kind = KINDS[Math.floor(index / CODES.length)] as string
        if (count > 0) yield [{ cluster, kind, code: CODES[index % CODES.length] as string }, count]
      }
    }
  }
}

const by = (label: string, counts: Readonly<Record<string, number>>): [Labels, number][] =>
  Object.entries(counts).map(([value, count]) => [{ [label]: value }, count])

const GAUGES = [
  ['clusters', 'clusters', 'Connected clusters.'],
  ['links', 'links', 'Connections of clusters, registered or not.'],
  ['labels', 'labels', 'Registered host labels, including those of disconnected clusters.'],
  ['streams', 'streams', 'Open streams in all tunnels.'],
  [
    'stalled_streams',
    'stalledStreams',
    'Open streams with bytes that wait for credit or for room on the link.',
  ],
  ['held', 'held', 'Requests that wait for their cluster or for room on its links.'],
  ['connections', 'connections', 'Open connections of visitors.'],
  ['coordinator_connected', 'coordinatorConnected', 'Whether this worker is connected to a coordinator.'],
  ['term', 'term', 'The term of the leader whose circuits this worker serves. -1: none yet.'],
  ['epoch', 'epoch', 'The epoch of the circuits that this worker serves. -1: none yet.'],
] as const satisfies readonly (readonly [name: string, field: keyof MetricsSource, help: string])[]
