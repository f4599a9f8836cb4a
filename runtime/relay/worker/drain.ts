import type { RelayLimits } from '../limits.ts'
import type { Clusters } from './clusters/clusters.ts'
import type { TcpCircuits } from './circuits/tcp-circuits.ts'
import type { VisitorEngines } from './frontends/engines.ts'

export interface DrainOptions {
  readonly engines: VisitorEngines
  readonly clusters: Clusters
  readonly tcp: TcpCircuits
  /** `http.drainMs` (`drain-timeout`): how long open connections may go on. */
  readonly limits: Pick<RelayLimits, 'http' | 'drainLookMs'>
  /** Its last connection has ended. */
  readonly onDrained: () => void
}

/**
 * Drains a worker that goes on running. Each HTTP response ends its connection, and clusters move to other workers, if
 * there are any. WebSockets, TCP connections and streams go on until the limit, and are then cut. Connections that come
 * later are served, and each ends with its first response.
 */
export class Drain {
  readonly #options: DrainOptions
  #timers: NodeJS.Timeout[] = []
  #told = false

  constructor(options: DrainOptions) {
    this.#options = options
  }

  /** `drained`: no connection of a visitor and no stream is left. */
  get state(): 'serving' | 'draining' | 'drained' {
    const { engines, clusters, tcp } = this.#options
    if (this.#timers.length === 0) return 'serving'
    return engines.connections + clusters.streams + tcp.open > 0 ? 'draining' : 'drained'
  }

  begin(): void {
    if (this.#timers.length > 0) return
    const { engines, clusters, limits } = this.#options
    const { drainMs } = limits.http
    this.#told = false
    engines.leave(drainMs)
    clusters.drain()
    this.#timers = [
      setTimeout(() => this.#cut(), drainMs),
      setInterval(() => engines.leave(drainMs), Math.max(1, drainMs)),
      setInterval(() => this.#look(), limits.drainLookMs),
    ]
  }

  /** Serves as before. Clusters may connect again. */
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers = []
    this.#options.engines.leave(0)
    this.#options.clusters.welcome()
  }

  /** Looks no more: the worker stops. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #cut(): void {
    const { engines, clusters, tcp } = this.#options
    engines.cut()
    tcp.cut()
    clusters.move()
  }

  #look(): void {
    this.#options.clusters.closeDrained()
    const drained = this.state === 'drained'
    if (drained && !this.#told) this.#options.onDrained()
    this.#told = drained
  }
}
