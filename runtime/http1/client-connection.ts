import { BodyFramer } from './message/body.ts'
import { asHttpError, type HttpError } from '../proxy/errors.ts'
import { overloaded, requestTimeout } from '../proxy/failures.ts'
import { Exchange } from './exchange.ts'
import type { ExchangeClient } from './exchange-client.ts'
import { parseRequestHead } from './message/head.ts'
import { HeadReader } from './message/head-reader.ts'
import { giveBytes } from '../transport/byte-pool.ts'
import { KeptBytes } from './message/kept-bytes.ts'
import type { Keeper } from './memory-budget.ts'
import type { EngineParts } from './parts.ts'
import type { Timed } from '../proxy/clock.ts'
import { plainReply } from '../proxy/reply.ts'
import { writeReply } from './reply.ts'
import type { Receiver, Transport } from '../transport/transport.ts'

type Phase = 'head' | 'exchange' | 'linger' | 'piped' | 'over'

/**
 * One client connection. It reads one request after another and runs one exchange at a time. It keeps bytes that arrive
 * during an exchange, and stops reading once it has kept {@link Limits.heldBytes}. So pipelining is bounded and in
 * order, and a client that leaves is noticed.
 */
export class ClientConnection implements Receiver, Timed, ExchangeClient, Keeper {
  readonly transport: Transport
  readonly remoteAddress: string | undefined
  readonly context: unknown
  readonly body = new BodyFramer()
  deadline: number
  countedBytes = 0
  exchange: Exchange | undefined = undefined
  readonly #parts: EngineParts
  readonly #reader = new HeadReader(true)
  #phase: Phase = 'head'
  readonly #held = new KeptBytes()
  #consuming = false
  #ended = false
  #lingerUntil = 0
  /** Bytes that were read ahead are dropped: the current response is the last one. */
  #last = false

  constructor(transport: Transport, context: unknown, parts: EngineParts) {
    this.transport = transport
    this.remoteAddress = transport.remoteAddress
    this.context = context
    this.#parts = parts
    this.deadline = parts.clock.in(parts.limits.headMs)
    this.body.refusesTrailer = parts.refusesTrailer
    transport.receiver = this
  }

  /** True if no request is in progress. */
  get idle(): boolean {
    return this.#phase === 'head' && !this.#reader.started
  }

  get piped(): boolean {
    return this.#phase === 'piped'
  }

  /** True once the client has ended its direction. */
  get ended(): boolean {
    return this.#ended
  }

  /** True if no further request can come from this client. */
  get ending(): boolean {
    return this.#last || (this.#ended && this.#held.length === 0 && !this.#consuming)
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
    if (this.#phase === 'exchange') this.exchange?.clientEnded(this.#held.length > 0)
    else if (this.#phase === 'head') this.linger()
  }

  /** At a sidecar, unread bytes may be the rest of an upload that a pipe feeds, so the upload may finish. */
  onEndUnread(): void {
    if (this.#phase !== 'exchange') return
    if (this.body.done || this.#parts.limits.halfCloseMs === 0) this.exchange?.clientEnded(true)
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
    else this.cut()
  }

  /** Responds to bytes that are not a valid request, and closes. */
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

  /**
   * Accepts no more requests: sends our end and gives the client time to read and close. Until then, what the client
   * sends is read and dropped. Closing a connection with unread bytes resets it, and a reset may destroy the response
   * (RFC 9112, 9.6).
   */
  linger(): void {
    const { clock, limits } = this.#parts
    this.exchange = undefined
    this.#held.clear()
    this.#forget()
    this.#phase = 'linger'
    this.deadline = clock.in(limits.lingerMs)
    this.#lingerUntil = clock.in(limits.lingerTotalMs)
    this.transport.end()
    this.transport.resume()
  }

  /** The exchange is over, and the next request may come. */
  next(): void {
    const { clock, limits } = this.#parts
    this.exchange = undefined
    if (this.ending) return this.linger()
    this.#forget()
    this.#phase = 'head'
    this.deadline = clock.in(limits.idleMs)
    if (!this.#consuming) this.proceed()
  }

  /** Continues with the kept bytes, then with what arrives. Does nothing within a read, which continues by itself. */
  proceed(): void {
    if (this.#consuming) return
    if (this.#held.length === 0) this.exchange?.flush()
    else this.#consumeHeld()
    if (this.#phase === 'over' || this.#phase === 'piped') return
    if (this.#ended && this.#held.length === 0) return this.#readAll()
    if (this.exchange?.blocked !== true && this.#mayReadOn()) this.transport.resume()
  }

  #consumeHeld(): void {
    const { bytes } = this.#held
    const buffer = this.#held.detach()
    if (this.countedBytes > 0) this.#count()
    this.#consume(bytes)
    // A writer that relies on stable bytes may still hold a view of them.
    if (!this.transport.stable) giveBytes(buffer)
  }

  #mayReadOn(): boolean {
    return this.#held.length < this.#parts.limits.heldBytes
  }

  /** Nothing more can come, so what is incomplete stays incomplete. */
  #readAll(): void {
    if (this.#phase === 'head') this.linger()
    else if (!this.body.done) this.exchange?.clientEnded(false)
  }

  /** Hands the transport over to a pipe. Returns the kept bytes. */
  handOver(): Buffer | undefined {
    const held = this.#held.length === 0 ? undefined : this.#held.bytes
    this.#held.detach()
    this.#phase = 'piped'
    this.deadline = Number.POSITIVE_INFINITY
    this.exchange = undefined
    this.#forget()
    return held
  }

  /** The pipe is over. */
  left(): void {
    this.#leave()
  }

  /** The engine is stopping: an idle connection may wait this long for a request that is already on its way. */
  hurry(waitMs: number): void {
    if (this.idle) this.deadline = this.#parts.clock.in(waitMs)
  }

  /** Ends the connection now: the client has left, or its time is up. */
  cut(): void {
    this.transport.destroy()
    this.#leave()
  }

  /** The engine needs memory: refuses an incomplete head, and drops bytes that were read ahead. */
  shed(): void {
    const { exchange } = this
    this.#held.clear()
    if (exchange === undefined) return this.refuse(noMemory())
    this.#count()
    // The rest of a body or of an upgrade cannot be skipped. Pipelined requests can (RFC 9112, 9.3.2).
    if (!this.body.done || exchange.head.upgrade !== undefined) return exchange.fail(noMemory())
    this.#last = true
    this.transport.resume()
  }

  /** Reports the kept bytes to the budget. Returns false if there is no room for them. */
  #count(): boolean {
    const ahead = this.#reader.kept + this.#held.size
    return this.#parts.memory.keep(this, ahead + (this.exchange?.head.bytes ?? 0), ahead > 0)
  }

  #forget(): void {
    this.#reader.forget()
    if (this.countedBytes > 0) this.#count()
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

  /**
   * Consumes as much of the view as possible. Returns the index to continue at, or -1 if nothing more is to be done.
   */
  #step(view: Buffer, at: number): number {
    if (this.#phase === 'head') return this.#readHead(view, at)
    if (this.#phase === 'linger') {
      this.deadline = Math.min(this.#parts.clock.in(this.#parts.limits.lingerMs), this.#lingerUntil)
      return -1
    }
    const { exchange } = this
    if (this.#phase !== 'exchange' || exchange === undefined) return -1
    if (exchange.takesBody) return exchange.sendBody(view, at)
    if (this.#last) return -1
    // Copied, because the next read overwrites the view.
    this.#held.add(view, at, view.length)
    if (!this.#mayReadOn()) this.transport.pause()
    if (!this.#count()) this.shed()
    else exchange.flush()
    return -1
  }

  #readHead(view: Buffer, at: number): number {
    const { clock, limits, memory } = this.#parts
    const started = this.#reader.started
    const end = this.#reader.read(view, at, limits.headBytes)
    if (end === -1) {
      if (!started) this.deadline = clock.in(limits.headMs)
      if (!this.#count()) throw noMemory()
      return -1
    }
    const { text, start } = this.#reader
    const head = parseRequestHead(text, limits, this.#reader.source(view), start)
    this.#reader.forget()
    // Most heads are small and do not count.
    if (
      (head.bytes > limits.keptFreeBytes || this.countedBytes > 0) &&
      !memory.keep(this, head.bytes, false)
    ) {
      throw noMemory()
    }
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

  #leave(): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#held.clear()
    this.exchange = undefined
    this.#forget()
    this.#parts.left(this)
  }
}

const noMemory = (): HttpError =>
  overloaded('the memory for requests is used up: repeat the request in a moment')
