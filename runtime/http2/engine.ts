import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { Clock } from '../proxy/clock.ts'
import { HttpError } from '../proxy/errors.ts'
import type { FailureReply, Observer, Route } from '../proxy/decision.ts'
import type { Transport } from '../transport/transport.ts'
import { ClientSession } from './client-session.ts'
import { CODE } from './errors.ts'
import { DEFAULT_HTTP2_LIMITS, type Http2Limits, sentHeadBytes } from './limits.ts'
import { http2 } from './node.ts'
import type { Http2Parts } from './parts.ts'
import { SessionPool } from './upstream.ts'
import type { StreamSource } from './upstream-stream.ts'

export interface Http2EngineOptions {
  readonly route: Route
  /** The response to a request that failed. Default: a short plain text, or the equivalent in gRPC. */
  readonly failure?: FailureReply
  readonly observer?: Observer
  /** Returns true to drop a request trailer of this name (in lower case). Default: drops none. */
  readonly refusesTrailer?: ((name: string) => boolean) | undefined
  /** Default: {@link DEFAULT_HTTP2_LIMITS}. */
  readonly limits?: Partial<Http2Limits>
  /** The pseudonym for the Via field of requests (RFC 9110, 7.6.3). Default: none, and no such field. */
  readonly via?: string | undefined
  /** The source of streams to candidates that speak HTTP/1.1. Default: none, and such candidates get HTTP/2. */
  readonly http1?: StreamSource | undefined
}

/** What the caller knows of a connection. */
interface ServeOptions {
  readonly bytes?: Buffer
  readonly context?: unknown
  readonly full?: boolean
}

/** Serves HTTP/2 by prior knowledge (RFC 9113, 3.3). It routes and forwards each stream on its own. */
export class Http2Engine {
  readonly #parts: Http2Parts
  readonly #connections = new Set<ClientSession>()
  #emptied: (() => void) | undefined = undefined
  #stopped: Promise<void> | undefined = undefined

  constructor(options: Http2EngineOptions) {
    const limits = { ...DEFAULT_HTTP2_LIMITS, ...options.limits }
    const clock = new Clock(waitsOf(limits))
    this.#parts = {
      route: options.route,
      failure: options.failure,
      observer: options.observer ?? {},
      refusesTrailer: options.refusesTrailer,
      limits,
      via: options.via === undefined ? undefined : `2.0 ${options.via}`,
      pool: new SessionPool(limits, clock),
      http1: options.http1,
      clock,
      streams: 0,
      stopping: false,
      left: (connection) => this.#left(connection as ClientSession),
    }
  }

  /** Number of open client connections. */
  get connections(): number {
    return this.#connections.size
  }

  /** Number of streams that are being served. */
  get streams(): number {
    return this.#parts.streams
  }

  /** Number of connections to upstreams. */
  get upstreamConnections(): number {
    return this.#parts.pool.size
  }

  /**
   * Serves one open transport. It must be a socket's, because node:http2 itself reads and writes the socket. `bytes`
   * were already read from it. `context` becomes the `context` of the {@link Client}. `full`: the connection is refused,
   * because the caller has too many.
   */
  serve(transport: Transport, given: ServeOptions = {}): void {
    const socket = transport.takeSocket?.()
    if (socket === undefined) return transport.destroy(new Error('HTTP/2 needs a socket'))
    if (given.bytes !== undefined && given.bytes.length > 0) socket.unshift(given.bytes)
    this.serveSocket(socket, transport.remoteAddress, given)
  }

  /** The same for an open socket of Node, such as a TLS socket. */
  serveSocket(socket: Socket, remoteAddress: string | undefined, given: Omit<ServeOptions, 'bytes'>): void {
    const { limits, clock, observer } = this.#parts
    const session = begin(socket, limits)
    const connection = new ClientSession(
      session,
      socket,
      { remoteAddress, context: given.context },
      this.#parts,
    )
    const full = given.full === true || this.#connections.size >= limits.connections
    this.#connections.add(connection)
    clock.watch(connection)
    observer.connectionOpened?.(connection)
    if (full) connection.refuse(`more than ${limits.connections} connections at one time (connections)`)
    else if (this.#parts.stopping) connection.close()
  }

  /** Lets idle connections end whose peer takes no new work, see {@link SessionPool.retire}. */
  retire(): void {
    this.#parts.pool.retire()
  }

  /** Sends GOAWAY on every connection, so that clients reconnect elsewhere. The engine still serves new connections. */
  leave(): void {
    for (const connection of this.#connections) connection.drain(this.#parts.limits.drainIdleMs)
  }

  /**
   * Stops in order: a GOAWAY that refuses nothing yet, after {@link Http2Limits.drainIdleMs} one that does, and running
   * streams finish. After {@link Http2Limits.drainMs}, remaining connections are cut off. Resolves when no connection
   * is left. The caller stops its listeners first.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#drain()
    return this.#stopped
  }

  /** Cuts all connections. */
  cut(): void {
    const { drainMs } = this.#parts.limits
    const stopped = new HttpError('BL_HTTP_STOPPED', 503, `stopped, and not finished within ${drainMs} ms`)
    for (const connection of this.#connections) connection.cut(CODE.cancel, stopped)
  }

  async #drain(): Promise<void> {
    const { limits, pool } = this.#parts
    this.#parts.stopping = true
    for (const connection of this.#connections) connection.drain(limits.drainIdleMs)
    if (this.#connections.size > 0) {
      const timer = setTimeout(() => this.cut(), limits.drainMs)
      await new Promise<void>((resolve) => {
        this.#emptied = resolve
      })
      clearTimeout(timer)
    }
    pool.cut()
  }

  #left(connection: ClientSession): void {
    if (!this.#connections.delete(connection)) return
    this.#parts.clock.unwatch(connection)
    this.#parts.observer.connectionClosed?.(connection)
    if (this.#connections.size === 0) this.#emptied?.()
  }
}

const UNLIMITED = 2 ** 31

function begin(socket: Socket, limits: Http2Limits): ServerHttp2Session {
  // A client that ends its direction has ended the connection.
  socket.allowHalfOpen = false
  return http2().performServerHandshake(socket, {
    settings: {
      initialWindowSize: limits.streamWindow,
      maxConcurrentStreams: limits.streams,
      maxHeaderListSize: limits.headBytes,
      enablePush: false,
      enableConnectProtocol: false,
    },
    maxHeaderListPairs: limits.headerCount,
    maxSendHeaderBlockLength: sentHeadBytes(limits),
    maxSessionMemory: limits.sessionMemoryMb,
    // Only our limits count. nghttp2's counts every reset, and ends a connection without notice to node:http2.
    streamResetBurst: UNLIMITED,
    streamResetRate: UNLIMITED,
  })
}

const waitsOf = (limits: Http2Limits): number[] => [
  limits.headMs,
  limits.idleMs,
  limits.upstreamConnectMs,
  limits.upstreamHelloMs,
  limits.upstreamResponseMs,
  limits.requestProgressMs,
  limits.heldMs,
  limits.responseProgressMs,
  limits.callIdleMs,
  limits.lingerMs,
  limits.probeMs,
  limits.poolIdleMs,
]
