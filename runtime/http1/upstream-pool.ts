import type { Upstream } from '../transport/transport.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import type { ConnectionPool, UpstreamConnection } from './upstream-connection.ts'

type PoolLimits = Pick<Limits, 'poolIdleMs' | 'poolUnsafeIdleMs' | 'poolSize' | 'poolTotal'>

/**
 * Connections that wait for their next request, by the key of their upstream. The one that was used last is used first.
 * A connection that closes or sends unexpected bytes is dropped at once, and an unused one after a while.
 */
export class UpstreamPool implements ConnectionPool {
  readonly #limits: PoolLimits
  readonly #idle = new Map<string, UpstreamConnection[]>()
  #size = 0
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(limits: Partial<PoolLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits }
  }

  /** Number of waiting connections. */
  get size(): number {
    return this.#size
  }

  /** Returns a waiting connection, or undefined. A request that cannot be repeated gets only a recently used one. */
  take(upstream: Upstream, repeatable: boolean): UpstreamConnection | undefined {
    const waiting = this.#idle.get(upstream.key)
    const last = waiting?.at(-1)
    if (waiting === undefined || last === undefined) return undefined
    const maxIdleMs = repeatable ? last.keptMs : Math.min(last.keptMs, this.#limits.poolUnsafeIdleMs)
    // The others have waited longer.
    if (maxIdleMs < this.#limits.poolIdleMs && performance.now() - last.idleSince > maxIdleMs)
      return undefined
    waiting.pop()
    this.#size--
    last.pool = undefined
    return last
  }

  /** Keeps a connection for the next request, or closes it if there are enough. */
  put(connection: UpstreamConnection): void {
    const waiting = this.#waiting(connection.key)
    const full = waiting.length >= this.#limits.poolSize || this.#size >= this.#limits.poolTotal
    const { transport } = connection
    if (full || transport.closed || transport.retiring === true) return transport.destroy()
    connection.reader.forget()
    connection.pool = this
    connection.idleSince = performance.now()
    waiting.push(connection)
    this.#size++
    this.#timer ??= setInterval(() => this.#sweep(), this.#limits.poolIdleMs / 4).unref()
  }

  /** Closes and forgets a waiting connection that was closed or sent bytes. */
  drop(connection: UpstreamConnection): void {
    connection.pool = undefined
    connection.transport.destroy()
    const waiting = this.#idle.get(connection.key)
    const index = waiting?.indexOf(connection) ?? -1
    if (waiting === undefined || index === -1) return
    waiting.splice(index, 1)
    this.#size--
    if (waiting.length === 0) this.#idle.delete(connection.key)
  }

  /** Closes all waiting connections. Those in use come back later and wait again. */
  close(): void {
    this.#closeWhere(() => true)
  }

  /** Closes the waiting connections whose peer takes no new work. Call it when a peer announces that. */
  retire(): void {
    this.#closeWhere(({ transport }) => transport.retiring === true)
  }

  #closeWhere(matches: (connection: UpstreamConnection) => boolean): void {
    const all = Array.from(this.#idle.values()).flat()
    for (const connection of all) if (matches(connection)) this.drop(connection)
    this.#sweep()
  }

  #waiting(key: string): UpstreamConnection[] {
    const known = this.#idle.get(key)
    if (known !== undefined) return known
    const fresh: UpstreamConnection[] = []
    this.#idle.set(key, fresh)
    return fresh
  }

  #sweep(): void {
    const now = performance.now()
    const { poolIdleMs } = this.#limits
    for (const [key, waiting] of this.#idle) {
      const stale = waiting.filter(({ idleSince, keptMs }) => now - idleSince >= Math.min(poolIdleMs, keptMs))
      for (const connection of stale) this.drop(connection)
      if (waiting.length === 0) this.#idle.delete(key)
    }
    if (this.#size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
