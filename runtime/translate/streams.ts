import type { Limits, UpstreamPool } from '../http1/index.ts'
import { writeRequestHead } from '../http1/message/edits.ts'
import { UpstreamConnection, type UpstreamUser } from '../http1/upstream-connection.ts'
import type { SessionWaiter, StreamHead, StreamSource, UpstreamLink, UpstreamStream } from '../http2/index.ts'
import type { HeadEdits } from '../proxy/decision.ts'
import type { HttpError } from '../proxy/errors.ts'
import { connectTimeout, unreachable } from '../proxy/failures.ts'
import type { Upstream } from '../transport/transport.ts'
import { translateHead } from './request-head.ts'
import { Http1Stream } from './stream.ts'

type StreamLimits = Pick<
  Limits,
  'upstreamConnectMs' | 'headerCount' | 'responseHeadBytes' | 'responseHeaderCount' | 'lingerTotalMs'
>

/**
 * Streams to upstreams of HTTP/1.1 for the HTTP/2 engine: one connection each, from the pool that the HTTP/1.1 engine
 * uses as well.
 */
export class Http1Streams implements StreamSource {
  readonly #pool: UpstreamPool
  readonly #limits: StreamLimits

  constructor(pool: UpstreamPool, limits: StreamLimits) {
    this.#pool = pool
    this.#limits = limits
  }

  acquire(upstream: Upstream, waiter: SessionWaiter): void {
    const pooled = waiter.repeats ? undefined : this.#pool.take(upstream, waiter.head.repeatable)
    if (pooled !== undefined) return waiter.sessionReady(new Http1Link(pooled, this.#pool, this.#limits))
    const connection = new UpstreamConnection(upstream.dial(), upstream.key)
    const link = new Http1Link(connection, this.#pool, this.#limits)
    if (connection.transport.opened) return waiter.sessionReady(link)
    connection.user = new Dialling(connection, link, waiter, this.#limits.upstreamConnectMs)
  }
}

/** A connection that is being opened. */
class Dialling implements UpstreamUser {
  readonly #connection: UpstreamConnection
  readonly #link: Http1Link
  readonly #waiter: SessionWaiter
  readonly #timer: NodeJS.Timeout

  constructor(connection: UpstreamConnection, link: Http1Link, waiter: SessionWaiter, waitMs: number) {
    this.#connection = connection
    this.#link = link
    this.#waiter = waiter
    this.#timer = setTimeout(() => this.#failed(connectTimeout(waitMs)), waitMs)
  }

  upstreamOpened(): void {
    clearTimeout(this.#timer)
    this.#connection.user = undefined
    this.#waiter.sessionReady(this.#link)
  }

  upstreamOver(error: Error | undefined): void {
    this.#failed(unreachable(error))
  }

  upstreamData(): void {}
  upstreamDrained(): void {}

  #failed(error: HttpError): void {
    clearTimeout(this.#timer)
    this.#connection.destroy()
    this.#waiter.sessionFailed(error)
  }
}

/** One connection of HTTP/1.1, which carries one stream and then returns to the pool. */
class Http1Link implements UpstreamLink {
  dead = false
  readonly lastStreamId = Number.POSITIVE_INFINITY
  readonly used: boolean
  fault: HttpError | undefined = undefined
  readonly #connection: UpstreamConnection
  readonly #pool: UpstreamPool
  readonly #limits: StreamLimits
  #started = false

  constructor(connection: UpstreamConnection, pool: UpstreamPool, limits: StreamLimits) {
    this.#connection = connection
    this.#pool = pool
    this.#limits = limits
    this.used = connection.used
  }

  request(
    head: StreamHead,
    edits: HeadEdits | undefined,
    endStream: boolean,
    via: string | undefined,
  ): UpstreamStream {
    try {
      const translated = translateHead(head, endStream, this.#limits)
      const text = writeRequestHead(translated, edits, via === undefined ? '' : `via: ${via}\r\n`)
      this.#started = true
      return new Http1Stream(this.#connection, this, translated, this.#pool, this.#limits).begin(text)
    } catch (error) {
      this.release()
      throw error
    }
  }

  /** Without a request, the connection is as good as before. Otherwise its stream has already returned or ended it. */
  release(): void {
    if (this.#started) return
    this.#started = true
    this.#pool.put(this.#connection)
  }

  retire(): void {}
  replace(): void {}
  countReset(): void {}
}
