import { ClientConnection } from './client-connection.ts'
import { Clock } from '../proxy/clock.ts'
import type { FailureReply, Observer, Route } from '../proxy/decision.ts'
import { checkField } from '../proxy/grammar.ts'
import { overloaded, stopping } from '../proxy/failures.ts'
import { RequestHead } from './message/head.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { MemoryBudget } from './memory-budget.ts'
import type { EngineParts } from './parts.ts'
import type { Transport } from '../transport/transport.ts'
import { UpstreamPool } from './upstream-pool.ts'

export interface EngineOptions {
  readonly route: Route
  /** The response to a request that failed. Default: a short plain text. */
  readonly failure?: FailureReply
  readonly observer?: Observer
  /**
   * Returns true to refuse a request trailer of this name (in lower case) with a 400, because an app could read it as a
   * header. Default: refuses only trailers that would reframe or redirect the request.
   */
  readonly refusesTrailer?: ((name: string) => boolean) | undefined
  /** Default: {@link DEFAULT_LIMITS}. */
  readonly limits?: Partial<Limits>
  /** Default: a pool of this engine's own, which it closes when it stops. */
  readonly pool?: UpstreamPool
  /**
   * The pseudonym for the Via field of requests (RFC 9110, 7.6.3), such as `branchline`. Default: none, and no such
   * field.
   */
  readonly via?: string | undefined
}

/** Serves HTTP/1.1 on transports. It routes and forwards each request on its own. */
export class HttpEngine {
  readonly #parts: EngineParts
  readonly #connections = new Set<ClientConnection>()
  readonly #ownPool: UpstreamPool | undefined
  #emptied: (() => void) | undefined = undefined
  #stopped: Promise<void> | undefined = undefined
  #leaving: NodeJS.Timeout | undefined = undefined

  constructor(options: EngineOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#ownPool = options.pool === undefined ? new UpstreamPool(limits) : undefined
    this.#parts = {
      route: options.route,
      failure: options.failure,
      observer: options.observer ?? {},
      refusesTrailer: options.refusesTrailer,
      limits,
      responseLimits: { headBytes: limits.responseHeadBytes, headerCount: limits.responseHeaderCount },
      via: viaOf(options.via),
      pool: options.pool ?? (this.#ownPool as UpstreamPool),
      clock: new Clock(waitsOf(limits)),
      memory: new MemoryBudget(limits),
      noHead: new RequestHead('\r\n\r\n', 2),
      upgraded: new Map(),
      stopping: false,
      leaving: false,
      left: (connection) => this.#left(connection as ClientConnection),
    }
  }

  /** Number of open client connections, including upgraded ones. */
  get connections(): number {
    return this.#connections.size
  }

  /** Bytes that count towards {@link Limits.keptTotalBytes}, and how often connections had to release some. */
  get memory(): { readonly used: number; readonly sheds: number } {
    return this.#parts.memory
  }

  /**
   * Serves one open transport. Call it in the tick that accepted the transport, or pass the bytes read since. The
   * `bytes` must not change afterwards. `context` becomes the `context` of the {@link Client}. `full`: the connection is
   * refused, because the caller has too many.
   */
  serve(
    transport: Transport,
    given: { readonly bytes?: Buffer; readonly context?: unknown; readonly full?: boolean } = {},
  ): void {
    const parts = this.#parts
    const connection = new ClientConnection(transport, given.context, parts)
    const full = given.full === true || this.#connections.size >= parts.limits.connections
    this.#connections.add(connection)
    parts.clock.watch(connection)
    parts.observer.connectionOpened?.(connection)
    if (full || parts.stopping) {
      connection.refuse(full ? overloaded('too many connections') : stopping())
    } else if (given.bytes !== undefined && given.bytes.length > 0) connection.onData(given.bytes)
  }

  /**
   * For this time, each response ends its connection, and idle connections have {@link Limits.drainIdleMs} for one more
   * request, so that clients reconnect elsewhere. The engine still serves new connections. 0: no longer.
   */
  leave(forMs: number): void {
    clearTimeout(this.#leaving)
    this.#parts.leaving = forMs > 0
    if (forMs === 0) return
    this.#leaving = setTimeout(() => (this.#parts.leaving = false), forMs).unref()
    for (const connection of this.#connections) connection.hurry(this.#parts.limits.drainIdleMs)
  }

  /**
   * Stops in order. Running exchanges finish with `Connection: close`, idle connections have {@link Limits.drainIdleMs}
   * for one more request, and upgraded connections continue. After {@link Limits.drainMs}, remaining connections are
   * cut off, and WebSockets are closed with 1001. Resolves when no connection is left. The caller stops its listeners
   * first.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#drain()
    return this.#stopped
  }

  async #drain(): Promise<void> {
    const { limits } = this.#parts
    this.#parts.stopping = true
    for (const connection of this.#connections) connection.hurry(limits.drainIdleMs)
    if (this.#connections.size > 0) {
      const timer = setTimeout(() => this.cut(), limits.drainMs)
      await new Promise<void>((resolve) => {
        this.#emptied = resolve
      })
      clearTimeout(timer)
    }
    this.#ownPool?.close()
  }

  /** Cuts all connections. WebSockets are closed with 1001. */
  cut(): void {
    const error = stopping()
    for (const connection of this.#connections) {
      const upgraded = this.#parts.upgraded.get(connection)
      if (upgraded === undefined) connection.transport.destroy(error)
      else upgraded.leave()
    }
  }

  #left(connection: ClientConnection): void {
    if (!this.#connections.delete(connection)) return
    this.#parts.clock.unwatch(connection)
    this.#parts.observer.connectionClosed?.(connection)
    if (this.#connections.size === 0) this.#emptied?.()
  }
}

function viaOf(pseudonym: string | undefined): { 11: string; 10: string } {
  if (pseudonym === undefined) return { 11: '', 10: '' }
  checkField(pseudonym, '')
  return { 11: `via: 1.1 ${pseudonym}\r\n`, 10: `via: 1.0 ${pseudonym}\r\n` }
}

const waitsOf = (limits: Limits): number[] => [
  limits.headMs,
  limits.idleMs,
  limits.upstreamConnectMs,
  limits.upstreamResponseMs,
  limits.requestProgressMs,
  limits.responseProgressMs,
  limits.halfClosedMs,
  limits.lingerMs,
  limits.drainIdleMs,
]
