import { BodyFramer } from './body.ts'
import type { Client } from './decision.ts'
import { asHttpError, type HttpError } from './errors.ts'
import { requestTimeout } from './failures.ts'
import { Exchange } from './exchange.ts'
import { parseRequestHead } from './head.ts'
import { HeadReader } from './head-reader.ts'
import type { EngineParts } from './parts.ts'
import type { Timed } from './clock.ts'
import { plainReply, writeReply } from './reply.ts'
import type { Receiver, Transport } from './transport.ts'

type Phase = 'head' | 'exchange' | 'linger' | 'piped' | 'over'

/**
 * One client connection: reads request after request, one exchange at a time. What comes of the next request
 * meanwhile is held, one read at the most, and nothing more is read then: so pipelining is in order and bounded.
 */
export class ClientConnection implements Receiver, Timed, Client {
  readonly transport: Transport
  readonly remoteAddress: string | undefined
  readonly context: unknown
  readonly body = new BodyFramer()
  deadline: number
  exchange: Exchange | undefined = undefined
  readonly #parts: EngineParts
  readonly #reader = new HeadReader(true)
  #phase: Phase = 'head'
  #held: Buffer | undefined = undefined
  #consuming = false
  #ended = false
  #lingered = 0

  constructor(transport: Transport, context: unknown, parts: EngineParts) {
    this.transport = transport
    this.remoteAddress = transport.remoteAddress
    this.context = context
    this.#parts = parts
    this.deadline = parts.clock.in(parts.limits.headMs)
    this.body.refusesTrailer = parts.refusesTrailer
    transport.receiver = this
  }

  /** True where no request is under way. */
  get idle(): boolean {
    return this.#phase === 'head' && !this.#reader.started
  }

  get piped(): boolean {
    return this.#phase === 'piped'
  }

  /** True once the client has ended its direction: nobody may be there any more to wait for an upgrade. */
  get ended(): boolean {
    return this.#ended
  }

  onOpen(): void {}

  onData(view: Buffer): void {
    this.#consume(view)
  }

  onDrain(): void {
    this.exchange?.clientDrained()
  }

  onEnd(): void {
    this.#ended = true
    if (this.#phase === 'exchange') this.exchange?.clientEnded()
    else if (this.#phase === 'head') this.linger()
  }

  onClose(): void {
    const { exchange } = this
    this.#leave()
    exchange?.clientGone()
  }

  onDeadline(): void {
    const { limits } = this.#parts
    if (this.#phase === 'exchange') this.exchange?.timedOut()
    else if (this.#phase === 'head' && this.#reader.started) {
      this.refuse(requestTimeout('no complete head', limits.headMs))
    } else if (this.#phase === 'head') this.linger()
    else this.#cut()
  }

  /** Answers what could not be read as a request, and closes. */
  refuse(error: HttpError): void {
    this.transport.write(writeReply(plainReply(error.status, error.message), undefined, true))
    this.#parts.observer.exchangeDone?.({
      head: this.#parts.noHead,
      client: this,
      decision: undefined,
      candidate: -1,
      status: error.status,
      requestBytes: 0,
      responseBytes: 0,
      ms: 0,
      upgraded: false,
      error,
    })
    this.linger()
  }

  /** No more requests: our end, and a while for the client to read and to close. */
  linger(): void {
    this.exchange = undefined
    this.#held = undefined
    this.#phase = 'linger'
    this.deadline = this.#parts.clock.in(this.#parts.limits.lingerMs)
    this.transport.end()
    this.transport.resume()
  }

  /** The exchange is over and the next request may come. */
  next(): void {
    const { clock, limits } = this.#parts
    this.exchange = undefined
    if (this.#ended) return this.linger()
    this.#phase = 'head'
    this.deadline = clock.in(limits.idleMs)
    if (!this.#consuming) this.proceed()
  }

  /** Goes on with what was held, then with what arrives. */
  proceed(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#consume(held)
    if (this.#held === undefined && this.exchange?.blocked !== true && this.#phase !== 'over')
      this.transport.resume()
  }

  /** Hands the transport over to a pipe; returns what was held. */
  handOver(): Buffer | undefined {
    const held = this.#held
    this.#held = undefined
    this.#phase = 'piped'
    this.deadline = Number.POSITIVE_INFINITY
    this.exchange = undefined
    return held
  }

  /** The pipe, or whatever else, is over. */
  left(): void {
    this.#leave()
  }

  /** Stopping: an idle connection has this long for a request that is on its way already. */
  hurry(waitMs: number): void {
    if (this.idle) this.deadline = this.#parts.clock.in(waitMs)
  }

  #consume(view: Buffer): void {
    this.#consuming = true
    let at = 0
    try {
      while (at < view.length && at !== -1) at = this.#step(view, at)
      if (at !== -1) this.exchange?.flush()
    } catch (error) {
      this.#failed(error)
    }
    this.#consuming = false
  }

  /** Consumes what it can of the view; returns where to go on, or -1 where nothing more is to be done. */
  #step(view: Buffer, at: number): number {
    if (this.#phase === 'head') return this.#readHead(view, at)
    if (this.#phase === 'linger') {
      this.#lingered += view.length - at
      if (this.#lingered > this.#parts.limits.lingerBytes) this.#cut()
      return -1
    }
    const { exchange } = this
    if (this.#phase !== 'exchange' || exchange === undefined) return -1
    if (exchange.takesBody) return exchange.sendBody(view, at)
    // Copied, since the next read overwrites the view.
    const rest = Buffer.from(view.subarray(at))
    this.#held = this.#held === undefined ? rest : Buffer.concat([this.#held, rest])
    this.transport.pause()
    exchange.flush()
    return -1
  }

  #readHead(view: Buffer, at: number): number {
    const { clock, limits } = this.#parts
    const started = this.#reader.started
    const end = this.#reader.read(view, at, limits.headBytes)
    if (end === -1) {
      if (!started) this.deadline = clock.in(limits.headMs)
      return -1
    }
    const { text, start } = this.#reader
    const head = parseRequestHead(text, limits, this.#reader.octets(view), start)
    this.body.start(head.body, head.length, limits)
    this.#phase = 'exchange'
    this.exchange = new Exchange(this, head, this.#parts)
    this.exchange.begin()
    return end
  }

  #failed(error: unknown): void {
    const failure = asHttpError(error)
    if (this.exchange === undefined) this.refuse(failure)
    else this.exchange.fail(failure)
  }

  #cut(): void {
    this.transport.destroy()
    this.#leave()
  }

  #leave(): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#held = undefined
    this.exchange = undefined
    this.#parts.left(this)
  }
}
