import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What is asked at the moment of a scrape. */
export interface MetricsSource {
  readonly clusters: () => number
  readonly labels: () => number
  readonly streams: () => number
  readonly connections: () => number
}

const NOBODY = ''

/** The relay's metrics, by Prometheus' conventions. Labels are clusters and classes of codes: both are few. */
export class RelayMetrics {
  readonly #registry = new Registry()
  readonly #requests: Counter<'cluster' | 'code'>
  readonly #seconds: Histogram

  constructor(source: MetricsSource) {
    const registers = [this.#registry]
    this.#requests = new Counter({
      name: 'branchline_relay_requests_total',
      help: 'Requests of visitors, by the cluster whose preview it was (none: unknown host) and class of the answer.',
      labelNames: ['cluster', 'code'],
      registers,
    })
    this.#seconds = new Histogram({
      name: 'branchline_relay_request_seconds',
      help: 'From a request’s head to the end of its response.',
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
      registers,
    })
    for (const [name, help] of GAUGES) {
      const read = source[name]
      new Gauge({
        name: `branchline_relay_${name}`,
        help,
        registers,
        collect() {
          this.set(read())
        },
      })
    }
  }

  exchangeDone(cluster: string | undefined, status: number, ms: number): void {
    const code = status === 0 ? 'none' : `${Math.floor(status / 100)}xx`
    this.#requests.inc({ cluster: cluster ?? NOBODY, code })
    this.#seconds.observe(ms / 1000)
  }

  async read(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() }
  }
}

const GAUGES = [
  ['clusters', 'Clusters that are connected.'],
  ['labels', 'Host labels that are registered, those of gone clusters included.'],
  ['streams', 'Open streams in all tunnels.'],
  ['connections', 'Open connections of visitors.'],
] as const
