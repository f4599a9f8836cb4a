import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Timed } from '../proxy/clock.ts'
import { clientGone, requestTimeout } from '../proxy/failures.ts'
import { Allowance } from './allowance.ts'
import { HttpError } from '../proxy/errors.ts'
import { CODE } from './errors.ts'
import { StreamExchange } from './exchange.ts'
import { type FieldList, readRequestHead } from './head.ts'
import type { Http2Parts } from './parts.ts'
import { Probe } from './probe.ts'
import type { StreamClient } from './stream-client.ts'

const END_STREAM = 1
/** The largest id that a GOAWAY can name: it refuses no stream yet (RFC 9113, 6.8). */
const MAX_STREAM_ID = 2 ** 31 - 1

/** One client connection and its streams. */
export class ClientSession implements StreamClient, Timed {
  readonly remoteAddress: string | undefined
  readonly context: unknown
  deadline: number
  readonly #session: ServerHttp2Session
  readonly #probe: Probe
  readonly #parts: Http2Parts
  readonly #allowance: Allowance
  /** Why we ended the connection, for the reports of its streams; undefined if we did not. */
  cutError: HttpError | undefined = undefined
  #streams = 0
  #greeted = false

  constructor(
    session: ServerHttp2Session,
    socket: Socket,
    from: { readonly remoteAddress: string | undefined; readonly context: unknown },
    parts: Http2Parts,
  ) {
    const { limits, clock } = parts
    this.remoteAddress = from.remoteAddress
    this.context = from.context
    this.#session = session
    this.#probe = new Probe(session, socket)
    this.#parts = parts
    this.deadline = clock.in(limits.headMs)
    this.#allowance = new Allowance(limits, performance.now())
    session.setLocalWindowSize(limits.connectionWindow)
    // An error of the connection ends its streams, which report it.
    session.on('error', () => {})
    session.on('close', () => parts.left(this))
    session.on('remoteSettings', () => this.#settings())
    session.on('ping', () => this.#refuseIf(this.#allowance.ping(performance.now())))
    session.on('stream', (stream, _fields: IncomingHttpHeaders, flags, list: unknown) =>
      this.#serve(stream, flags, list as FieldList),
    )
  }

  /** Ends the connection after its streams. It still serves new ones for this time. */
  drain(noticeMs: number): void {
    if (this.#session.closed) return
    this.#session.goaway(CODE.noError, MAX_STREAM_ID)
    setTimeout(() => this.close(), noticeMs)
  }

  /** Ends the connection after its streams, and accepts no more. */
  close(): void {
    if (!this.#session.closed) this.#session.close()
  }

  /** True if the connection is gone, so that its streams end with codes that no client sent. */
  get over(): boolean {
    return this.#session.destroyed
  }

  /** Why a stream ended before its response was complete. */
  get departure(): HttpError {
    return this.cutError ?? clientGone('the client left before its response was complete')
  }

  /** HEADERS, or DATA of this many bytes, passed in either direction. */
  moved(bytes: number): void {
    this.#allowance.moved(bytes)
  }

  /**
   * Ends the connection and its streams at once. The GOAWAY and the reports of the streams carry the error's message.
   */
  cut(code: number, error: HttpError): void {
    const session = this.#session
    if (session.destroyed || this.cutError !== undefined) return
    this.cutError = error
    session.goaway(code, 0, Buffer.from(error.message))
    // Without an error, Node treats the code as "no error".
    session.destroy(error, code)
  }

  /** Ends the connection at once because of a limit, which the reason names. */
  refuse(reason: string): void {
    if (this.over) return
    this.#parts.observer.refused?.(this, reason)
    this.cut(CODE.enhanceYourCalm, new HttpError('BL_HTTP_OVERLOADED', 503, reason))
  }

  onDeadline(): void {
    const { clock, limits } = this.#parts
    this.deadline = clock.in(limits.probeMs)
    if (!this.#greeted) this.cut(CODE.cancel, requestTimeout('no preface and SETTINGS', limits.headMs))
    else if (this.#streams === 0) this.close()
    else if (!this.#probe.alive()) this.cut(CODE.cancel, clientGone('the connection ended without notice'))
  }

  /** `early`: the client reset it before there was a response. */
  streamOver(early: boolean): void {
    this.#streams--
    this.#parts.streams--
    if (early) this.#refuseIf(this.#allowance.earlyReset(performance.now()))
    if (this.#streams === 0) this.#idle()
  }

  #serve(stream: ServerHttp2Stream, flags: number, list: FieldList): void {
    stream.on('error', () => {})
    const now = performance.now()
    // The client reset it before we saw it.
    if (stream.closed) return this.#refuseIf(this.#allowance.earlyReset(now))
    if (this.#allowance.refuses(now)) {
      stream.close(CODE.refusedStream)
      return this.#refuseIf(this.#allowance.refused(now))
    }
    const { streamsTotal } = this.#parts.limits
    if (this.#parts.streams >= streamsTotal) {
      this.#parts.observer.refused?.(this, `more than ${streamsTotal} streams at one time (streamsTotal)`)
      return stream.close(CODE.refusedStream)
    }
    this.#parts.streams++
    if (this.#streams++ === 0) this.deadline = this.#parts.clock.in(this.#parts.limits.probeMs)
    const head = readRequestHead(list, (flags & END_STREAM) !== 0, this.#parts.limits.headBytes)
    new StreamExchange(stream, head, this, this.#parts).begin()
  }

  #settings(): void {
    if (!this.#greeted && this.#streams === 0) this.#idle()
    this.#greeted = true
    this.#refuseIf(this.#allowance.settings(performance.now()))
  }

  #idle(): void {
    this.deadline = this.#parts.clock.in(this.#parts.limits.idleMs)
  }

  #refuseIf(reason: string | undefined): void {
    if (reason !== undefined) this.refuse(reason)
  }
}
