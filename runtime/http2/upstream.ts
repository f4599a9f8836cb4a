import type { ClientHttp2Session, Settings } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Clock, Timed } from '../proxy/clock.ts'
import { badRequest, HttpError } from '../proxy/errors.ts'
import { badResponse, connectTimeout, unreachable } from '../proxy/failures.ts'
import type { HeadEdits } from '../proxy/decision.ts'
import { IGNORE, type Transport, type Upstream } from '../transport/transport.ts'
import { CODE } from './errors.ts'
import { type StreamHead, writeRequestFields } from './head.ts'
import { type Http2Limits, responseHeadBytes, sentHeadBytes } from './limits.ts'
import { http2 } from './node.ts'
import { Probe } from './probe.ts'
import type { SessionWaiter, StreamSource, UpstreamLink, UpstreamStream } from './upstream-stream.ts'
import { transportDuplex } from '../transport/duplex.ts'

/** One HTTP/2 connection to an upstream, from dialling to its end. */
export class UpstreamSession implements UpstreamLink, Timed {
  readonly upstream: Upstream
  deadline: number
  /** Requests that have one of its streams, or will start one in this tick. */
  active = 0
  /** Streams that the upstream allows at one time; 0 before its SETTINGS arrive. */
  allowed = 0
  /** Requests that wait for the connection. */
  readonly waiting: SessionWaiter[] = []
  /** True while it takes new streams. */
  ready = false
  /** True once the connection and its streams are gone. */
  dead = false
  /** The last stream that the upstream looked at, according to its GOAWAY (RFC 9113, 6.8). */
  lastStreamId = Number.POSITIVE_INFINITY
  /** True once it has carried a response, so that a loss may be that of a kept connection. */
  used = false
  readonly #pool: SessionPool
  readonly #transport: Transport
  #session: ClientHttp2Session | undefined = undefined
  #probe: Probe | undefined = undefined
  #error: Error | undefined = undefined
  #resets = 0

  constructor(upstream: Upstream, pool: SessionPool) {
    this.upstream = upstream
    this.#pool = pool
    this.deadline = pool.clock.in(pool.limits.upstreamConnectMs)
    this.#transport = upstream.dial()
    this.#transport.receiver = {
      ...IGNORE,
      onOpen: () => this.#opened(),
      onClose: (error) => this.#over(error),
    }
    pool.clock.watch(this)
  }

  /**
   * Starts the stream that was taken. If it cannot, it returns the stream and throws: a 400 for fields that a message
   * must not repeat, a RangeError for an edit that is not a header field.
   */
  request(
    head: StreamHead,
    edits: HeadEdits | undefined,
    endStream: boolean,
    via: string | undefined,
  ): UpstreamStream {
    const session = this.#session as ClientHttp2Session
    try {
      const fields = writeRequestFields(head, edits, via)
      return session.request(fields, { endStream, waitForTrailers: !endStream })
    } catch (error) {
      this.release()
      throw error instanceof RangeError
        ? error
        : badRequest(`the request's fields: ${(error as Error).message}`)
    }
  }

  /** True if the peer of its transport takes no new work. */
  get retiring(): boolean {
    return this.#transport.retiring === true
  }

  /** Takes one of its streams. */
  take(): this {
    if (this.active++ === 0) this.deadline = this.#pool.clock.in(this.#pool.limits.probeMs)
    return this
  }

  release(): void {
    this.active--
    this.used = true
    if (this.active > 0 || this.dead) return
    if (this.ready) this.deadline = this.#pool.clock.in(this.#pool.limits.poolIdleMs)
    else this.close()
  }

  onDeadline(): void {
    const { clock, limits } = this.#pool
    if (this.active > 0) {
      this.deadline = clock.in(limits.probeMs)
      if (this.#probe?.alive() === false) this.cut()
    } else if (this.ready) this.close()
    else if (!this.dead && this.#session?.closed !== true) {
      const { upstreamConnectMs, upstreamHelloMs } = limits
      this.#error = connectTimeout(this.#session === undefined ? upstreamConnectMs : upstreamHelloMs)
      this.cut()
    }
  }

  /** Takes no more streams. Running ones continue. */
  retire(): void {
    if (this.ready) this.#leave()
  }

  /** Like {@link retire}, if the upstream has room for the connection that replaces this one. */
  replace(): void {
    if (this.ready && this.#pool.hasRoom(this.upstream)) this.#leave()
  }

  /** We reset one of its streams. */
  countReset(): void {
    if (++this.#resets >= this.#pool.limits.upstreamResets) this.replace()
  }

  /** Takes no more streams, and ends after the last one. */
  close(): void {
    this.#leave()
    if (this.#session === undefined) this.cut()
    else this.#session.close()
  }

  /** Ends now, and cancels its streams. */
  cut(): void {
    this.#leave()
    if (this.#session === undefined) this.#transport.destroy()
    else this.#session.destroy(this.#error ?? new Error('the connection was cut off'), CODE.cancel)
    this.#over(this.#error)
  }

  #opened(): void {
    const socket = this.#transport.takeSocket?.() ?? transportDuplex(this.#transport)
    socket.allowHalfOpen = false
    this.deadline = this.#pool.clock.in(this.#pool.limits.upstreamHelloMs)
    // Before node:http2's own listener, which ends the streams.
    socket.prependListener('close', () => {
      this.dead = true
    })
    const session = begin(socket, this.#pool.limits)
    this.#session = session
    this.#probe = new Probe(session, socket)
    session.on('error', (error) => {
      this.#error ??= error
    })
    session.on('remoteSettings', (settings: Settings) => this.#settings(settings.maxConcurrentStreams))
    session.on('goaway', (code: number, lastStreamId: number) => {
      this.lastStreamId = lastStreamId
      if (code !== CODE.noError) this.dead = true
      this.#leave()
    })
    session.on('close', () => this.#over(this.#error))
  }

  #settings(allowed = Number.POSITIVE_INFINITY): void {
    this.allowed = allowed
    if (this.ready || this.dead || this.#session?.closed !== false) return
    this.ready = true
    this.deadline = this.#pool.clock.in(this.#pool.limits.poolIdleMs)
    const waiting = this.waiting.splice(0)
    for (const waiter of waiting) {
      if (this.ready && this.active < this.allowed) {
        waiter.sessionReady(this.take())
      } else this.#pool.acquire(this.upstream, waiter)
    }
  }

  #leave(): void {
    this.ready = false
    this.#pool.left(this)
  }

  #over(error: Error | undefined): void {
    this.dead = true
    this.#leave()
    this.#pool.clock.unwatch(this)
    const failure = failureOf(this.#error ?? error)
    for (const waiter of this.waiting.splice(0)) waiter.sessionFailed(failure)
  }
}

function failureOf(error: Error | undefined): HttpError {
  if (error instanceof HttpError) return error
  const code = error !== undefined && 'code' in error ? error.code : undefined
  // The bytes were not a frame, or not the first frame that a server must send.
  if (code === 'ERR_HTTP2_ERROR') return badResponse(new Error('it does not speak HTTP/2'))
  return unreachable(error)
}

function begin(socket: Duplex, limits: Http2Limits): ClientHttp2Session {
  const session = http2().connect('http://upstream', {
    createConnection: () => socket,
    settings: {
      enablePush: false,
      initialWindowSize: limits.streamWindow,
      maxHeaderListSize: responseHeadBytes(limits),
    },
    maxHeaderListPairs: limits.responseHeaderCount ?? limits.headerCount,
    maxSendHeaderBlockLength: sentHeadBytes(limits),
    maxSessionMemory: limits.sessionMemoryMb,
  })
  session.setLocalWindowSize(limits.connectionWindow)
  return session
}

/** The HTTP/2 connections to all upstreams: one each, and more if an upstream's limit of streams requires it. */
export class SessionPool implements StreamSource {
  readonly limits: Http2Limits
  readonly clock: Clock
  readonly #sessions = new Map<string, UpstreamSession[]>()
  /** Includes those that take no more streams. */
  readonly #open = new Set<UpstreamSession>()

  constructor(limits: Http2Limits, clock: Clock) {
    this.limits = limits
    this.clock = clock
  }

  /** Connections that are open or being opened. */
  get size(): number {
    return this.#open.size
  }

  /**
   * Calls the waiter once, at once or later: with a session of which it owns a stream, or with the reason why there is
   * none.
   */
  acquire(upstream: Upstream, waiter: SessionWaiter): void {
    const sessions = this.#sessions.get(upstream.key) ?? []
    let making: UpstreamSession | undefined
    for (const session of sessions) {
      if (session.ready && session.active < session.allowed && !session.retiring) {
        return waiter.sessionReady(session.take())
      }
      // The number of streams that it will allow is still unknown. RFC 9113 recommends at least this many (6.5.2).
      if (!session.ready && session.waiting.length < ASSUMED_STREAMS) making = session
    }
    if (making === undefined) {
      if (sessions.length >= this.limits.poolSessions) {
        return waiter.sessionFailed(overloaded(upstream, sessions.length))
      }
      making = new UpstreamSession(upstream, this)
      if (sessions.push(making) === 1) this.#sessions.set(upstream.key, sessions)
      this.#open.add(making)
    }
    making.waiting.push(waiter)
  }

  /** True if one more connection to it may end while others replace it. */
  hasRoom({ key }: Upstream): boolean {
    let open = 0
    for (const { upstream } of this.#open) if (upstream.key === key) open++
    return open < 2 * this.limits.poolSessions
  }

  /** The session takes no more streams. If it is dead, it is gone. */
  left(session: UpstreamSession): void {
    if (session.dead) this.#open.delete(session)
    const { key } = session.upstream
    const sessions = this.#sessions.get(key)
    const index = sessions?.indexOf(session) ?? -1
    if (sessions === undefined || index === -1) return
    sessions.splice(index, 1)
    if (sessions.length === 0) this.#sessions.delete(key)
  }

  /** Lets the connections whose peer takes no new work end after their streams. Call it when a peer announces that. */
  retire(): void {
    for (const session of this.#open) if (session.retiring) session.close()
  }

  /** Lets all connections end after their streams. */
  close(): void {
    for (const session of this.#open) session.close()
  }

  /** Ends all connections now. */
  cut(): void {
    for (const session of this.#open) session.cut()
  }
}

const ASSUMED_STREAMS = 100

const overloaded = ({ key }: Upstream, sessions: number): HttpError =>
  new HttpError('BL_HTTP_OVERLOADED', 503, `the ${sessions} connections to ${key} have no free stream`)
