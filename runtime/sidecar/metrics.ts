import { Counter, Gauge, Registry } from 'prom-client'
import { ROUTE_REASONS, type RouteReason } from './decide.ts'

/** What is asked at the moment of a scrape. */
export interface MetricsSource {
  readonly epoch: () => number | undefined
  readonly managerConnected: () => boolean
}

const CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const
const REFUSED = 'refused'

/**
 * The sidecar's metrics, by Prometheus' conventions for names and units. Labels have few values: a route
 * reason and a class of codes, never a key, an environment or a path.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #requests: Counter<'reason' | 'code'>
  /** One child for each pair of labels, made once: counting costs no hashing. */
  readonly #children = new Map<string, ReadonlyArray<{ inc(): void }>>()
  readonly fallbacks: Counter
  readonly upstreamFailures: Counter<'reason'>
  readonly connections: Readonly<Record<'http' | 'raw', { inc(): void; dec(): void }>>

  constructor(source: MetricsSource) {
    const registers = [this.#registry]
    this.#requests = new Counter({
      name: 'branchline_sidecar_requests_total',
      help: 'Requests by why they went where they went, and the class of the answer.',
      labelNames: ['reason', 'code'],
      registers,
    })
    for (const reason of [...ROUTE_REASONS, REFUSED]) {
      this.#children.set(
        reason,
        CLASSES.map((code) => this.#requests.labels(reason, code)),
      )
    }
    this.fallbacks = new Counter({
      name: 'branchline_sidecar_fallbacks_total',
      help: 'Requests that another endpoint than the first was asked for.',
      registers,
    })
    this.upstreamFailures = new Counter({
      name: 'branchline_sidecar_upstream_failures_total',
      help: 'Requests that nobody answered, by how that showed.',
      labelNames: ['reason'],
      registers,
    })
    const open = new Gauge({
      name: 'branchline_sidecar_connections',
      help: 'Open connections of clients, by how they are served.',
      labelNames: ['mode'],
      registers,
    })
    this.connections = { http: open.labels('http'), raw: open.labels('raw') }
    registerSource(source, registers)
  }

  /** Counts a routed request; a status of 0 is a client that got no answer. */
  request(reason: RouteReason, status: number): void {
    this.#count(reason, status)
  }

  /** Counts a request that was refused before it could be routed: no HTTP, too large, too slow. */
  refused(status: number): void {
    this.#count(REFUSED, status)
  }

  #count(reason: string, status: number): void {
    this.#children.get(reason)?.[Math.min(Math.floor(status / 100), CLASSES.length - 1)]?.inc()
  }

  /** All of it in Prometheus' text format. */
  async scrape(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() }
  }
}

function registerSource(source: MetricsSource, registers: Registry[]): void {
  new Gauge({
    name: 'branchline_sidecar_table_epoch',
    help: 'The epoch of the route table that is served; -1 before the first.',
    registers,
    collect() {
      this.set(source.epoch() ?? -1)
    },
  })
  new Gauge({
    name: 'branchline_sidecar_manager_connected',
    help: '1 while the manager is connected.',
    registers,
    collect() {
      this.set(source.managerConnected() ? 1 : 0)
    },
  })
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
}
