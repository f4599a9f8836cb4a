import { BodyFramer } from './message/body.ts'
import type { Client } from '../proxy/decision.ts'
import { asHttpError, type HttpError } from '../proxy/errors.ts'
import { overloaded, requestTimeout } from '../proxy/failures.ts'
import { Exchange } from './exchange.ts'
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
 * One client connection: reads request after request, one exchange at a time. What comes meanwhile is held, and
 * from {@link Limits.heldBytes} on the client is not read any more: so pipelining is in order and bounded, and a
 * client that leaves is still noticed.
 */
export class ClientConnection implements Receiver, Timed, Client, Keeper {
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
  /** What was read ahead is dropped: the response at hand is the last one. */
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

  /** True where no request is under way. */
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

  /** True where no other request of this client can come. */
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

  /** At a sidecar, the rest of an upload that is fed by a pipe may lie unread before the end: it is let through. */
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

  /**
   * No more requests: our end, and a while for the client to read and to close. Meanwhile what it sends is read
   * and dropped: a connection closed with bytes unread is reset, which may destroy the response (RFC 9112, 9.6).
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

  /** The exchange is over and the next request may come. */
  next(): void {
    const { clock, limits } = this.#parts
    this.exchange = undefined
    if (this.ending) return this.linger()
    this.#forget()
    this.#phase = 'head'
    this.deadline = clock.in(limits.idleMs)
    if (!this.#consuming) this.proceed()
  }

  /** Goes on with what was held, then with what arrives; by itself where it is in the midst of a read. */
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
    // A writer that was told that they do not change may still hold a view of them.
    if (!this.transport.stable) giveBytes(buffer)
  }

  #mayReadOn(): boolean {
    return this.#held.length < this.#parts.limits.heldBytes
  }

  /** Nothing more can come: what is incomplete now stays so. */
  #readAll(): void {
    if (this.#phase === 'head') this.linger()
    else if (!this.body.done) this.exchange?.clientEnded(false)
  }

  /** Hands the transport over to a pipe; returns what was held. */
  handOver(): Buffer | undefined {
    const held = this.#held.length === 0 ? undefined : this.#held.bytes
    this.#held.detach()
    this.#phase = 'piped'
    this.deadline = Number.POSITIVE_INFINITY
    this.exchange = undefined
    this.#forget()
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

  /** Ends it now: the client has left, or has had its time. */
  cut(): void {
    this.transport.destroy()
    this.#leave()
  }

  /** The engine needs memory: an incomplete head is refused, and what was read ahead is dropped. */
  shed(): void {
    const { exchange } = this
    this.#held.clear()
    if (exchange === undefined) return this.refuse(noMemory())
    this.#count()
    // The rest of a body, or of an upgrade, cannot be left out; pipelined requests can (RFC 9112, 9.3.2).
    if (!this.body.done || exchange.head.upgrade !== undefined) return exchange.fail(noMemory())
    this.#last = true
    this.transport.resume()
  }

  /** Tells the budget what is kept at this moment; false where there is no room for it. */
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

  /** Consumes what it can of the view; returns where to go on, or -1 where nothing more is to be done. */
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
    // Copied, since the next read overwrites the view.
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
    const head = parseRequestHead(text, limits, this.#reader.octets(view), start)
    this.#reader.forget()
    // Most heads are small, and count nothing.
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

const noMemory = (): HttpError => overloaded('the memory for requests is used up: send it again in a moment')
