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

/** What is asked at the moment of a scrape. */
export interface MetricsSource {
  readonly epoch: () => number | undefined
  readonly managerConnected: () => boolean
  /** Requests that wait for their override at this moment. */
  readonly held: () => number
}

/** Label sets of one metric at most; what would be one more is counted under {@link OTHER}. */
export const MAX_SERIES = 1_000
/** Stands for an environment, and a service, that there was no more room for. */
export const OTHER = 'other'
/** The bounds of the durations, in seconds: from a hop on one machine to a request that hangs. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** One request, as metrics see it. */
export interface Counted {
  /** The environment that served it, or should have. */
  readonly environment: string
  readonly service: string
  readonly reason: RouteReason | 'refused'
}

interface Series {
  readonly labels: Labels
  readonly durations: Histogram
  /** By code: how many. A code of 0 is a client that got no answer. */
  readonly codes: Map<number, number>
}

interface Level {
  inc(): void
  dec(): void
}

/**
 * The sidecar's metrics, by Prometheus' conventions for names and units. Labels have a bounded number of
 * values: environments and services come from the route table, keys and paths are never among them.
 */
export class Metrics {
  readonly #source: MetricsSource
  /** By service, environment and reason: names that are there already are compared by where they are. */
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

  /** Counts a request and how long it took; a status of 0 is a client that got no answer. */
  request(counted: Counted, status: number, seconds: number): void {
    const series = this.#find(counted)
    series.durations.observe(seconds)
    const count = series.codes.get(status)
    if (count !== undefined) series.codes.set(status, count + 1)
    // Apps may answer any of 900 codes: beyond the bound, only which class.
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

  /** Counts a request that another endpoint than the first was asked for. */
  fallback(): void {
    this.#fallbacks++
  }

  /** Counts a try that failed: which environment's, and how that showed. */
  upstreamFailure(environment: string, service: string, reason: string): void {
    const name = `${environment}/${service}/${reason}`
    const known = this.#failures.get(name)
    if (known !== undefined) known.count++
    else if (this.#failures.size < MAX_SERIES || environment === OTHER) {
      this.#failures.set(name, { labels: { environment, service, reason }, count: 1 })
    } else this.upstreamFailure(OTHER, OTHER, reason)
  }

  /** All of it in Prometheus' text format. */
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
        'Requests by the environment that served them, why they went there, and the answer.',
        this.#requests(),
      ),
      histogramExposition(
        'branchline_request_duration_seconds',
        "From a request's head to the end of its answer.",
        this.#series.map(({ labels, durations }) => [labels, durations] as const),
      ),
      exposition(
        'branchline_upstream_failures_total',
        'counter',
        'Tries to reach a service that failed, by how that showed.',
        [...this.#failures.values()].map(({ labels, count }) => [labels, count] as const),
      ),
      exposition(
        'branchline_fallbacks_total',
        'counter',
        'Requests that another endpoint than the first was asked for.',
        only(this.#fallbacks),
      ),
      exposition('branchline_held_requests', 'gauge', 'Requests that wait for their override.', only(held())),
      exposition('branchline_open_connections', 'gauge', 'Open connections of clients.', open),
      exposition(
        'branchline_route_table_epoch',
        'gauge',
        'The epoch of the route table that is served; -1 before the first.',
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
