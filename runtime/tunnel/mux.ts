import type { Buffer } from 'node:buffer'
import { parseTarget, type StreamTarget } from '@branchline/wire/tunnel/control'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import { FrameDecoder } from '@branchline/wire/tunnel/decoder'
import {
  decodeFrames,
  encodeControl,
  encodeOpen,
  encodeReset,
  encodeWindow,
  type FrameSink,
  type ReadTarget,
} from '@branchline/wire/tunnel/frame'
import { MAX_STREAM_ID, type ResetCode } from '@branchline/wire/tunnel/limits'
import { TunnelStreamError } from './errors.ts'
import type { TunnelLimits } from './limits.ts'
import { Outbox, type SendMessage } from './outbox.ts'
import { type StreamCarrier, TunnelStream } from './stream.ts'

/** How often bytes of a stream began to wait: for credit of the peer, or for room on the link. */
export interface Stalls {
  credit: number
  link: number
}

/** What a {@link Mux} needs, and who receives its events. */
export interface MuxOptions<T = StreamTarget> {
  /** True if this side dialled the link. Its streams then have odd ids, otherwise even ids. */
  readonly dialler: boolean
  readonly send: SendMessage
  readonly limits: TunnelLimits
  /** The peer opened a stream. Set its receiver now, then call `accept()` or `reset()`. */
  readonly onStream: (stream: TunnelStream<T>) => void
  /** Parses what the peer opens streams to. Default: a Service's port. */
  readonly readTarget?: ReadTarget<T> | undefined
  readonly onControl: (payload: Buffer) => void
  /** Counts stalls. Default: they are not counted. */
  readonly stalls?: Stalls | undefined
  /** The link cannot continue: close it. */
  readonly onOverflow: () => void
}

/** Many streams over one ordered, reliable exchange of messages. It is independent of WebSockets. */
export class Mux<T extends object = StreamTarget> {
  readonly #options: MuxOptions<T>
  readonly #outbox: Outbox
  readonly #streams = new Map<number, TunnelStream<T>>()
  readonly #waiting = new Set<TunnelStream<unknown>>()
  readonly #sink: FrameSink<T>
  readonly #readTarget: ReadTarget<T>
  readonly #decoder: FrameDecoder<T>
  readonly #carrier: StreamCarrier
  #nextId: number
  #lastPeerId = 0
  #localStreams = 0
  #growth: number
  #draining = false
  #waitingScheduled = false
  #closed: TunnelStreamError | undefined
  /** True until a message arrives in parts, in memory that the next part overwrites. */
  #stable = true

  constructor(options: MuxOptions<T>) {
    this.#options = options
    // T is the default's type unless the owner gives a function.
    this.#readTarget = options.readTarget ?? (parseTarget as ReadTarget<unknown> as ReadTarget<T>)
    this.#nextId = options.dialler ? 1 : 2
    this.#growth = options.limits.growthBytes
    this.#outbox = new Outbox({
      send: options.send,
      unsentBytes: options.limits.unsentBytes,
      overflowBytes: options.limits.overflowBytes,
      onRoom: () => this.#sendWaiting(),
      onOverflow: options.onOverflow,
    })
    this.#sink = this.#makeSink()
    this.#decoder = new FrameDecoder(this.#sink, this.#readTarget)
    this.#carrier = this.#makeCarrier()
  }

  /** Number of streams of both sides that are not over. */
  get size(): number {
    return this.#streams.size
  }

  /** The number of streams with bytes that wait to be sent. */
  get stalled(): number {
    let stalled = 0
    for (const stream of this.#streams.values()) if (stream.pendingBytes > 0) stalled++
    return stalled
  }

  /**
   * Opens a stream. Its receiver gets `onOpen` once the peer has reached the target, or `onClose` with a {@link
   * TunnelStreamError}. Neither comes before this returns.
   */
  open(target: T): TunnelStream<T> {
    const refusal = this.#refusal()
    const stream = new TunnelStream(this.#carrier, refusal === undefined ? this.#nextId : 0, target, true)
    if (refusal !== undefined) {
      process.nextTick(() => stream.closeNow(refusal))
      return stream
    }
    this.#nextId += 2
    this.#localStreams++
    this.#streams.set(stream.id, stream)
    this.#outbox.addWhole(encodeOpen(stream.id, target))
    return stream
  }

  /** Sends a control message. */
  control(message: object): void {
    if (this.#closed === undefined) this.#outbox.addWhole(encodeControl(message))
  }

  /** True if this side has as many open streams as it may have. */
  get full(): boolean {
    return this.#localStreams >= this.#options.limits.streams
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Refuses new streams in both directions. Running ones continue. */
  drain(): void {
    this.#draining = true
  }

  /** Takes a message. Throws a {@link TunnelProtocolError}, after which the link must be closed. */
  receive(message: Buffer): void {
    if (this.#closed === undefined) decodeFrames(message, this.#sink, this.#readTarget)
  }

  /** Takes bytes `from` to `to` of a buffer as the next part of a message. Throws like {@link receive}. */
  receivePart(bytes: Buffer, from: number, to: number): void {
    this.#stable = false
    if (this.#closed === undefined) this.#decoder.push(bytes, from, to)
  }

  /** The message of which {@link receivePart} got the parts is complete. Throws like {@link receive}. */
  receiveEnd(): void {
    if (this.#closed === undefined) this.#decoder.end()
  }

  /** Sends batched frames now instead of at the end of the turn. */
  flush(): void {
    this.#outbox.flush()
  }

  /** The link is gone: every stream ends at once. */
  close(error: TunnelStreamError): void {
    if (this.#closed !== undefined) return
    this.#closed = error
    this.#outbox.close()
    this.#waiting.clear()
    for (const stream of this.#streams.values()) stream.closeNow(error)
  }

  #refusal(): TunnelStreamError | undefined {
    if (this.#closed !== undefined) return this.#closed
    if (this.#draining) return new TunnelStreamError('refused', 'the link takes no new streams')
    if (this.#nextId > MAX_STREAM_ID)
      return new TunnelStreamError('refused', 'the link has used up its stream ids')
    if (!this.full) return undefined
    const { streams } = this.#options.limits
    return new TunnelStreamError('refused', `the link carries ${streams} streams and takes no more`)
  }

  /** For a stream whose turn is over while there is room, because no other event will follow. */
  #scheduleWaiting(): void {
    if (this.#waitingScheduled) return
    this.#waitingScheduled = true
    setImmediate(() => {
      this.#waitingScheduled = false
      this.#sendWaiting()
    })
  }

  #sendWaiting(): void {
    // A stream that waits again moves to the end: each stream gets one turn before any gets two.
    for (const stream of this.#waiting) {
      if (!this.#outbox.hasRoom) return
      this.#waiting.delete(stream)
      stream.pump()
    }
  }

  #makeSink(): FrameSink<T> {
    return {
      open: (id, target) => this.#opened(id, target),
      accept: (id) => this.#find(id)?.acceptArrived(),
      data: (id, payload) => this.#find(id)?.dataArrived(payload),
      window: (id, credit) => this.#find(id)?.windowArrived(credit),
      end: (id) => this.#find(id)?.endArrived(),
      reset: (id, code, text) => {
        this.#find(id)?.closeNow(
          new TunnelStreamError(code, text === '' ? `reset by the peer: ${code}` : text),
        )
      },
      control: (payload) => this.#options.onControl(payload),
    }
  }

  #opened(id: number, target: T): void {
    const odd = id % 2 === 1
    if (odd === this.#options.dialler || id <= this.#lastPeerId) {
      throw new TunnelProtocolError('protocol', `OPEN of stream ${id}, which is not the peer’s next id`)
    }
    this.#lastPeerId = id
    if (this.#draining || this.#streams.size - this.#localStreams >= this.#options.limits.streams) {
      this.#outbox.addWhole(encodeReset(id, 'refused', 'no more streams on this link'))
      return
    }
    const stream = new TunnelStream(this.#carrier, id, target, false)
    this.#streams.set(id, stream)
    this.#options.onStream(stream)
  }

  /** Undefined for a stream that is over: the peer may not have known that when it sent the frame. */
  #find(id: number): TunnelStream<T> | undefined {
    const stream = this.#streams.get(id)
    if (stream !== undefined) return stream
    const mine = (id % 2 === 1) === this.#options.dialler
    if (mine ? id < this.#nextId : id <= this.#lastPeerId) return undefined
    throw new TunnelProtocolError('protocol', `a frame of stream ${id}, which was never opened`)
  }

  #makeCarrier(): StreamCarrier {
    const outbox = this.#outbox
    const { limits, stalls } = this.#options
    const isStable = (): boolean => this.#stable
    return {
      get stable() {
        return isStable()
      },
      get hasRoom() {
        return outbox.hasRoom
      },
      isRetiring: () => this.#draining || this.full,
      pendingBytes: limits.pendingBytes,
      stalled: (cause) => {
        if (stalls !== undefined) stalls[cause]++
      },
      growthMs: limits.growthMs,
      sendAccept: (id) => outbox.add('accept', id),
      sendData: (id, data) => outbox.add('data', id, data),
      sendWindow: (id, credit) => outbox.addWhole(encodeWindow(id, credit)),
      sendEnd: (id) => outbox.add('end', id),
      sendReset: (id, code: ResetCode, text) => {
        if (id !== 0) outbox.addWhole(encodeReset(id, code, text))
      },
      waitForRoom: (stream) => {
        this.#waiting.add(stream)
        if (outbox.hasRoom) this.#scheduleWaiting()
      },
      takeGrowth: (bytes) => {
        const taken = Math.min(bytes, this.#growth)
        this.#growth -= taken
        return taken
      },
      forget: (stream, growth) => {
        this.#waiting.delete(stream)
        if (!this.#streams.delete(stream.id)) return
        this.#growth += growth
        if (stream.local) this.#localStreams--
      },
    }
  }
}
