import type { RouteReason } from '../route/decide.ts'
import {
  CONTENT_TYPE,
  exposition,
  Histogram,
  histogramExposition,
  only,
  type Labels,
  type Scrape,
} from '../../process/exposition.ts'

/** The values that are read at each scrape. */
export interface MetricsSource {
  readonly epoch: () => number | undefined
  readonly managerConnected: () => boolean
  /** The number of requests that currently wait for their override. */
  readonly held: () => number
}

/** The maximum label sets of one metric. Further ones are counted under {@link OTHER}. */
export const MAX_SERIES = 1_000
/** The environment and service label beyond the maximum. */
const OTHER = 'other'
/** The bucket bounds of durations, in seconds: from a hop on one machine to a hanging request. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** The labels of a request. */
export interface Counted {
  /** The environment that served it, or should have. */
  readonly environment: string
  readonly service: string
  readonly reason: RouteReason | 'refused'
}

interface Series {
  readonly labels: Labels
  readonly durations: Histogram
  /** The number of requests by code. A code of 0 means that the client got no response. */
  readonly codes: Map<number, number>
}

interface Level {
  inc(): void
  dec(): void
}

/**
 * The sidecar's metrics, with Prometheus' conventions for names and units. Label values are bounded: environments and
 * services come from the route table, and keys and paths are never labels.
 */
export class Metrics {
  readonly #source: MetricsSource
  /** By service, environment and reason. Nested maps avoid building and hashing a combined string. */
  readonly #index = new Map<string, Map<string, Map<string, Series>>>()
  readonly #series: Series[] = []
  #codes = 0
  readonly #failures = new Map<string, { labels: Labels; count: number }>()
  #fallbacks = 0
  readonly #open = { http: 0, raw: 0 }
  readonly connections: Readonly<Record<'http' | 'raw', Level>>

  constructor(source: MetricsSource) {
    this.#source = source
    this.connections = { http: this.#level('http'), raw: this.#level('raw') }
  }

  /** Counts a request and its duration. A status of 0 means that the client got no response. */
  request(counted: Counted, status: number, seconds: number): void {
    const series = this.#find(counted)
    series.durations.observe(seconds)
    const count = series.codes.get(status)
    if (count !== undefined) series.codes.set(status, count + 1)
    // Apps may respond with any of 900 codes. Beyond the maximum, count only the class.
    else this.#firstOf(series, this.#codes < MAX_SERIES ? status : status - (status % 100))
  }

  #firstOf(series: Series, code: number): void {
    if (!series.codes.has(code)) this.#codes++
    series.codes.set(code, (series.codes.get(code) ?? 0) + 1)
  }

  #find({ environment, service, reason }: Counted): Series {
    const known = this.#index.get(service)?.get(environment)?.get(reason)
    if (known !== undefined) return known
    const full = this.#series.length >= MAX_SERIES
    if (full && environment !== OTHER) return this.#find({ environment: OTHER, service: OTHER, reason })
    const labels = { environment, service, reason }
    const series = { labels, durations: new Histogram(BOUNDS), codes: new Map<number, number>() }
    this.#series.push(series)
    const ofService = getOrAdd(this.#index, service, () => new Map<string, Map<string, Series>>())
    getOrAdd(ofService, environment, () => new Map<string, Series>()).set(reason, series)
    return series
  }

  /** Counts a request for which an endpoint other than the first was tried. */
  fallback(): void {
    this.#fallbacks++
  }

  /** Counts a failed attempt to reach a service, by environment and reason. */
  upstreamFailure(environment: string, service: string, reason: string): void {
    const name = `${environment}/${service}/${reason}`
    const known = this.#failures.get(name)
    if (known !== undefined) known.count++
    else if (this.#failures.size < MAX_SERIES || environment === OTHER) {
      this.#failures.set(name, { labels: { environment, service, reason }, count: 1 })
    } else this.upstreamFailure(OTHER, OTHER, reason)
  }

  /** All metrics in Prometheus' text format. */
  read(): Promise<Scrape> {
    const { epoch, managerConnected, held } = this.#source
    const open: [Labels, number][] = [
      [{ mode: 'http' }, this.#open.http],
      [{ mode: 'raw' }, this.#open.raw],
    ]
    const text = [
      exposition(
        'branchline_requests_total',
        'counter',
        'Requests by the environment that served them, the reason of the route, and the status of the response.',
        this.#requests(),
      ),
      histogramExposition(
        'branchline_request_duration_seconds',
        "Time from a request's head to the end of its response.",
        this.#series.map(({ labels, durations }) => [labels, durations] as const),
      ),
      exposition(
        'branchline_upstream_failures_total',
        'counter',
        'Failed attempts to reach a service, by reason.',
        [...this.#failures.values()].map(({ labels, count }) => [labels, count] as const),
      ),
      exposition(
        'branchline_fallbacks_total',
        'counter',
        'Requests for which an endpoint other than the first was tried.',
        only(this.#fallbacks),
      ),
      exposition('branchline_held_requests', 'gauge', 'Requests that wait for their override.', only(held())),
      exposition('branchline_open_connections', 'gauge', 'Open connections of clients.', open),
      exposition(
        'branchline_route_table_epoch',
        'gauge',
        'The epoch of the current route table; -1 before the first.',
        only(epoch() ?? -1),
      ),
      exposition(
        'branchline_manager_connected',
        'gauge',
        '1 while the manager is connected.',
        only(managerConnected() ? 1 : 0),
      ),
      exposition(
        'process_resident_memory_bytes',
        'gauge',
        'Resident memory of the process.',
        only(process.memoryUsage.rss()),
      ),
    ]
    return Promise.resolve({ contentType: CONTENT_TYPE, text: text.join('') })
  }

  *#requests(): Iterable<[Labels, number]> {
    for (const { labels, codes } of this.#series) {
      for (const [code, count] of codes) yield [{ ...labels, code: String(code) }, count]
    }
  }

  #level(mode: 'http' | 'raw'): Level {
    return { inc: () => void this.#open[mode]++, dec: () => void this.#open[mode]-- }
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
