import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Timed } from '../proxy/clock.ts'
import { clientGone, requestTimeout } from '../proxy/failures.ts'
import type { Client } from '../proxy/decision.ts'
import { Allowance } from './allowance.ts'
import { HttpError } from '../proxy/errors.ts'
import { CODE } from './errors.ts'
import { StreamExchange } from './exchange.ts'
import { type FieldList, readRequestHead } from './head.ts'
import type { Http2Parts } from './parts.ts'
import { Probe } from './probe.ts'

const END_STREAM = 1
/** The most that a GOAWAY can name: no stream is refused yet (RFC 9113, 6.8). */
const MAX_STREAM_ID = 2 ** 31 - 1

/** One connection of a client, and its streams. */
export class ClientSession implements Client, Timed {
  readonly remoteAddress: string | undefined
  readonly context: unknown
  deadline: number
  readonly #session: ServerHttp2Session
  readonly #probe: Probe
  readonly #parts: Http2Parts
  readonly #allowance: Allowance
  /** Why we ended the connection, for the reports of its streams; undefined where we did not. */
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
    // A connection's error ends its streams, which say so.
    session.on('error', () => {})
    session.on('close', () => parts.left(this))
    session.on('remoteSettings', () => this.#settings())
    session.on('ping', () => this.#calmIf(this.#allowance.ping(performance.now())))
    session.on('stream', (stream, _fields: IncomingHttpHeaders, flags, list: unknown) =>
      this.#serve(stream, flags, list as FieldList),
    )
  }

  /** Ends with its streams; new ones are served for so long. */
  drain(noticeMs: number): void {
    if (this.#session.closed) return
    this.#session.goaway(CODE.noError, MAX_STREAM_ID)
    setTimeout(() => this.close(), noticeMs)
  }

  /** Ends with its streams, and takes no more. */
  close(): void {
    if (!this.#session.closed) this.#session.close()
  }

  /** The connection is gone: its streams end with codes that no client gave. */
  get over(): boolean {
    return this.#session.destroyed
  }

  /** Why a stream of it ended before its response was complete. */
  get departure(): HttpError {
    return this.cutError ?? clientGone('the client left before its answer was complete')
  }

  /** HEADERS, or DATA of so many bytes, went one way or the other. */
  moved(bytes: number): void {
    this.#allowance.moved(bytes)
  }

  /** Ends at once, with its streams. The error's sentence is what the GOAWAY and the streams' reports say. */
  cut(code: number, error: HttpError): void {
    const session = this.#session
    if (session.destroyed || this.cutError !== undefined) return
    this.cutError = error
    session.goaway(code, 0, Buffer.from(error.message))
    // Without an error Node takes the code for one that says "no error".
    session.destroy(error, code)
  }

  /** Ends at once, since a limit was hit: which one, in a sentence. */
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
    else if (!this.#probe.alive())
      this.cut(CODE.cancel, clientGone('the connection has ended without a word'))
  }

  /** `early`: its client reset it before there was a response. */
  streamOver(early: boolean): void {
    this.#streams--
    this.#parts.streams--
    if (early) this.#calmIf(this.#allowance.earlyReset(performance.now()))
    if (this.#streams === 0) this.#idle()
  }

  #serve(stream: ServerHttp2Stream, flags: number, list: FieldList): void {
    stream.on('error', () => {})
    const now = performance.now()
    // Reset before we saw it.
    if (stream.closed) return this.#calmIf(this.#allowance.earlyReset(now))
    if (this.#allowance.refuses(now)) {
      stream.close(CODE.refusedStream)
      return this.#calmIf(this.#allowance.refused(now))
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
    this.#calmIf(this.#allowance.settings(performance.now()))
  }

  #idle(): void {
    this.deadline = this.#parts.clock.in(this.#parts.limits.idleMs)
  }

  #calmIf(reason: string | undefined): void {
    if (reason !== undefined) this.refuse(reason)
  }
}
