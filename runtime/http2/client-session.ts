import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Timed } from '../http/clock.ts'
import type { Client } from '../http/index.ts'
import { Bucket } from './bucket.ts'
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
  readonly #controls: Bucket
  readonly #resets: Bucket
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
    const now = performance.now()
    this.#controls = new Bucket(limits.controlBurst, limits.controlsPerSecond, now)
    this.#resets = new Bucket(limits.resetBurst, limits.resetsPerSecond, now)
    session.setLocalWindowSize(limits.connectionWindow)
    // A connection's error ends its streams, which say so.
    session.on('error', () => {})
    session.on('close', () => parts.left(this))
    session.on('remoteSettings', () => this.#settings())
    session.on('ping', () => this.#control())
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

  cut(code: number): void {
    this.#session.destroy(undefined, code)
  }

  onDeadline(): void {
    this.deadline = this.#parts.clock.in(this.#parts.limits.probeMs)
    if (!this.#greeted) this.cut(CODE.cancel)
    else if (this.#streams === 0) this.close()
    else if (!this.#probe.alive()) this.cut(CODE.cancel)
  }

  /** `gone`: its client did not wait for the end. */
  streamOver(gone: boolean): void {
    this.#streams--
    this.#parts.streams--
    if (gone) this.#reset()
    if (this.#streams === 0) this.#idle()
  }

  #serve(stream: ServerHttp2Stream, flags: number, list: FieldList): void {
    stream.on('error', () => {})
    // Reset before we saw it.
    if (stream.closed) return this.#reset()
    if (this.#parts.streams >= this.#parts.limits.streamsTotal) return stream.close(CODE.refusedStream)
    this.#parts.streams++
    if (this.#streams++ === 0) this.deadline = this.#parts.clock.in(this.#parts.limits.probeMs)
    const head = readRequestHead(list, (flags & END_STREAM) !== 0, this.#parts.limits.headBytes)
    new StreamExchange(stream, head, this, this.#parts).begin()
  }

  #settings(): void {
    if (!this.#greeted && this.#streams === 0) this.#idle()
    this.#greeted = true
    this.#control()
  }

  #idle(): void {
    this.deadline = this.#parts.clock.in(this.#parts.limits.idleMs)
  }

  #reset(): void {
    if (!this.#resets.take(performance.now())) this.cut(CODE.enhanceYourCalm)
  }

  #control(): void {
    if (!this.#controls.take(performance.now())) this.cut(CODE.enhanceYourCalm)
  }
}
