import {
  CONTENT_TYPE,
  exposition,
  Histogram,
  histogramExposition,
  only,
  type Scrape,
} from '../process/exposition.ts'

/** The values that are read at each scrape. */
export interface MetricsSource {
  readonly clusters: () => number
  readonly links: () => number
  readonly labels: () => number
  readonly streams: () => number
  readonly held: () => number
  readonly connections: () => number
}

/** The cluster label of a request for an unknown host. */
const NO_CLUSTER = ''
/** Classes of codes, by the first digit. 0 means that the visitor got no response. */
const CODES = ['none', ...Array.from({ length: 9 }, (_, index) => `${index + 1}xx`)]
const BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30]
/** The maximum clusters that are counted by name. Requests of further ones are counted under {@link OTHER}. */
const MAX_CLUSTERS = 1_000
const OTHER = 'other'

/** The relay's metrics, with Prometheus' conventions. Labels are clusters and classes of codes, which are both few. */
export class RelayMetrics {
  readonly #source: MetricsSource
  /** By cluster: the number of requests for each class of code. */
  readonly #requests = new Map<string, number[]>()
  readonly #seconds = new Histogram(BOUNDS)
  #refused = 0

  constructor(source: MetricsSource) {
    this.#source = source
  }

  /** Requests so far. */
  get requests(): number {
    return this.#seconds.count
  }

  /** A connection was closed at once, because its address had as many as it may have. */
  connectionRefused(): void {
    this.#refused++
  }

  exchangeDone(cluster: string | undefined, status: number, ms: number): void {
    const counts = this.#countsOf(cluster ?? NO_CLUSTER)
    const code = Math.floor(status / 100)
    counts[code] = (counts[code] as number) + 1
    this.#seconds.observe(ms / 1000)
  }

  read(): Promise<Scrape> {
    const text = [
      exposition(
        'branchline_relay_requests_total',
        'counter',
        'Requests of visitors, by the cluster of the preview (empty: unknown host) and the class of the response.',
        this.#samples(),
      ),
      histogramExposition(
        'branchline_relay_request_seconds',
        'Time from a request’s head to the end of its response.',
        only(this.#seconds),
      ),
      exposition(
        'branchline_relay_refused_connections_total',
        'counter',
        'Connections of visitors that were closed because their address had too many.',
        only(this.#refused),
      ),
      ...GAUGES.map(([name, help]) =>
        exposition(`branchline_relay_${name}`, 'gauge', help, only(this.#source[name]())),
      ),
    ]
    return Promise.resolve({ contentType: CONTENT_TYPE, text: text.join('') })
  }

  #countsOf(cluster: string): number[] {
    const known = this.#requests.get(cluster)
    if (known !== undefined) return known
    if (this.#requests.size >= MAX_CLUSTERS && cluster !== OTHER) return this.#countsOf(OTHER)
    const counts = CODES.map(() => 0)
    this.#requests.set(cluster, counts)
    return counts
  }

  *#samples(): Iterable<[{ cluster: string; code: string }, number]> {
    for (const [cluster, counts] of this.#requests) {
      for (const [index, code] of CODES.entries()) {
        const count = counts[index] as number
        if (count > 0) yield [{ cluster, code }, count]
      }
    }
  }
}

const GAUGES = [
  ['clusters', 'Connected clusters.'],
  ['links', 'Connections of clusters, registered or not.'],
  ['labels', 'Registered host labels, including those of disconnected clusters.'],
  ['streams', 'Open streams in all tunnels.'],
  ['held', 'Requests that wait for their cluster or for room on its links.'],
  ['connections', 'Open connections of visitors.'],
] as const
