import { Buffer } from 'node:buffer'
import type { StreamTarget } from '@branchline/wire/tunnel/control'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import { INITIAL_WINDOW, MAX_DATA_LENGTH, MAX_WINDOW, type ResetCode } from '@branchline/wire/tunnel/limits'
import { IGNORE, type Receiver, type Transport } from '../transport/transport.ts'
import { type SlowReader, unread } from '../transport/unread-bytes.ts'
import { ByteQueue } from './byte-queue.ts'
import { TunnelStreamError } from './errors.ts'
import { type CreditSource, ReceiveWindow } from './receive-window.ts'

/** What a stream needs of the link that carries it. */
export interface StreamCarrier extends CreditSource {
  readonly hasRoom: boolean
  /** True if the memory of what arrives is not used again. */
  readonly stable: boolean
  readonly pendingBytes: number
  /** Bytes of a stream begin to wait: for credit of the peer, or for room on the link. */
  stalled(cause: 'credit' | 'link'): void
  /** True if the link takes no new streams, or has no room for another one. */
  isRetiring(): boolean
  sendAccept(id: number): void
  /** A string contains only Latin-1 characters, one byte each. */
  sendData(id: number, data: Buffer | string): void
  sendEnd(id: number): void
  sendReset(id: number, code: ResetCode, text: string): void
  /** Calls {@link TunnelStream.pump} once there is room. */
  waitForRoom(stream: TunnelStream<unknown>): void
  /** The stream is over and its receiver knows: the link forgets it and gets the credit back. */
  forget(stream: TunnelStream<unknown>, growth: number): void
}

/** One stream of a link: a {@link Transport} to a target, by default a Service's port, with credit in both directions. */
export class TunnelStream<T = StreamTarget> implements Transport, SlowReader {
  receiver: Receiver = IGNORE
  unreadBytes = 0
  readonly id: number
  readonly target: T
  /** True if this side opened it. */
  readonly local: boolean
  readonly remoteAddress = undefined
  readonly #carrier: StreamCarrier
  readonly #pending = new ByteQueue()
  readonly #arrived = new ByteQueue()
  readonly #window: ReceiveWindow
  #opened: boolean
  #accepted = false
  #credit = INITIAL_WINDOW
  #paused = false
  #wantsDrain = false
  #deliveryScheduled = false
  #delivering = false
  /** Our direction: ended by the writer, and END sent to the peer. */
  #ended = false
  #endSent = false
  /** The peer's direction: END arrived, and END delivered to our receiver. */
  #endArrived = false
  #endDelivered = false
  #closed = false
  #closeDelivered = false
  /** What arrives on that stream goes out on this one, so its peer gets the credit that our peer grants. */
  #source: TunnelStream<unknown> | undefined = undefined
  /** What arrives goes out on another stream, whose peer grants the credit. */
  #spliced = false

  constructor(carrier: StreamCarrier, id: number, target: T, local: boolean) {
    this.#carrier = carrier
    this.id = id
    this.target = target
    this.local = local
    this.#opened = !local
    this.#window = new ReceiveWindow(carrier, id)
  }

  get opened(): boolean {
    return this.#opened
  }

  get closed(): boolean {
    return this.#closed
  }

  get pendingBytes(): number {
    return this.#pending.length
  }

  /** What waited is in memory of its own. */
  get stable(): boolean {
    return this.#delivering || this.#carrier.stable
  }

  get retiring(): boolean {
    return this.#carrier.isRetiring()
  }

  /** Reports to the opener that the target is connected. Call it once, on a stream that the peer opened. */
  accept(): void {
    if (this.#closed || this.#accepted || this.local) return
    this.#accepted = true
    this.#carrier.sendAccept(this.id)
  }

  write(data: Buffer | string): boolean {
    if (this.#closed || this.#ended) return false
    if (this.#fits(data.length)) {
      this.#send(data)
      return true
    }
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
    let at = 0
    // Never past bytes that already wait.
    while (at < bytes.length && this.#pending.length === 0 && this.#maySend()) {
      const piece = bytes.subarray(at, at + Math.min(MAX_DATA_LENGTH, this.#credit))
      this.#send(piece)
      at += piece.length
    }
    if (at === bytes.length) return true
    if (this.#pending.length === 0) this.#carrier.stalled(this.#credit > 0 ? 'link' : 'credit')
    this.#pending.push(at === 0 ? bytes : bytes.subarray(at))
    this.#count()
    this.#wantsDrain = true
    if (this.#credit > 0) this.#carrier.waitForRoom(this)
    if (this.#pending.length > this.#carrier.pendingBytes) {
      this.destroy(new TunnelStreamError('internal', `more than ${this.#carrier.pendingBytes} bytes wait`))
    }
    return false
  }

  writeBoth(text: string, data: Buffer): boolean {
    // One message in any case: the outbox batches a whole turn.
    this.write(text)
    return this.write(data)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#scheduleDelivery()
  }

  end(): void {
    if (this.#closed || this.#ended) return
    this.#ended = true
    this.#sendEndOnceEmpty()
    if (this.#bothEnded()) this.#closeLater()
  }

  destroy(error?: Error): void {
    if (this.#closed) return
    const code = error instanceof TunnelStreamError && error.fault !== 'lost' ? error.fault : undefined
    this.reset(code ?? (error === undefined ? 'cancel' : 'broken'), error?.message ?? '', error)
  }

  /** Ends both directions now with this code. Our receiver gets `onClose` later, with the error if there is one. */
  reset(code: ResetCode, text: string, error?: Error): void {
    if (this.#closed) return
    this.#carrier.sendReset(this.id, code, text)
    this.#closeLater(error)
  }

  /** Sends what credit and link allow, then notifies the writer. Only the link calls this. */
  pump(): void {
    let turn = MAX_DATA_LENGTH
    while (!this.#closed && turn > 0 && this.#pending.length > 0 && this.#maySend()) {
      const piece = this.#pending.shift(Math.min(turn, this.#credit))
      this.#send(piece)
      turn -= piece.length
    }
    if (this.unreadBytes > 0) this.#count()
    if (this.#closed) return
    if (this.#pending.length > 0) {
      if (this.#credit > 0) this.#carrier.waitForRoom(this)
      return
    }
    this.#sendEndOnceEmpty()
    if (this.#bothEnded()) this.closeNow()
    else if (this.#wantsDrain) {
      this.#wantsDrain = false
      this.receiver.onDrain()
    }
  }

  /**
   * Passes the credit of this stream's peer on to the peer of `source`, which then may send what our peer can take.
   * Only a splice calls this. It must write all that arrives on `source` to this stream.
   */
  passCreditTo(source: TunnelStream<unknown>): void {
    this.#source = source
    source.#spliced = true
    this.#passCredit()
  }

  /** Only the link calls this and the following methods, when a frame for this stream arrives. */
  acceptArrived(): void {
    if (!this.local || this.#opened) throw violated(`ACCEPT on stream ${this.id}, which cannot be accepted`)
    this.#opened = true
    if (!this.#closed) this.receiver.onOpen()
  }

  dataArrived(data: Buffer): void {
    if (this.#endArrived || !this.#opened)
      throw violated(`DATA before ACCEPT or after END, stream ${this.id}`)
    this.#window.arrived(data.length)
    if (this.#closed) return
    if (this.#paused || this.#arrived.length > 0) {
      this.#arrived.push(data)
      this.#count()
      return
    }
    if (!this.#spliced) this.#window.taken(data.length)
    this.receiver.onData(data)
  }

  windowArrived(credit: number): void {
    this.#credit += credit
    if (this.#credit > MAX_WINDOW) {
      throw new TunnelProtocolError('flow', `${this.#credit} bytes of credit on stream ${this.id}`)
    }
    if (this.#pending.length > 0) this.pump()
    this.#passCredit()
  }

  endArrived(): void {
    if (this.#endArrived || !this.#opened) throw violated(`END before ACCEPT or after END, stream ${this.id}`)
    this.#endArrived = true
    if (!this.#paused && this.#arrived.length === 0) this.#deliverEnd()
  }

  /** Ends the stream without a frame to the peer, and notifies the receiver now. */
  closeNow(error?: Error): void {
    this.#closed = true
    if (this.#closeDelivered) return
    this.#closeDelivered = true
    this.#pending.clear()
    this.#arrived.clear()
    if (this.unreadBytes > 0) this.#count()
    this.#carrier.forget(this, this.#window.growth)
    this.receiver.onClose(error)
  }

  cutUnread(error: Error): void {
    this.reset('internal', error.message, error)
  }

  #count(): void {
    unread.keep(this, this.#pending.length + this.#arrived.length)
  }

  /** Bytes that wait for the source's reader or for room here already have their part of the credit. */
  #passCredit(): void {
    const source = this.#source
    if (source === undefined || source.#closed || source.#endArrived) return
    source.#window.passOn(this.#credit - this.#pending.length - source.#arrived.length)
  }

  #closeLater(error?: Error): void {
    this.#closed = true
    process.nextTick(() => this.closeNow(error))
  }

  #maySend(): boolean {
    return this.#credit > 0 && this.#carrier.hasRoom
  }

  /** True if this much can be sent now, in one frame. */
  #fits(length: number): boolean {
    const { hasRoom } = this.#carrier
    return (
      hasRoom &&
      length > 0 &&
      length <= this.#credit &&
      length <= MAX_DATA_LENGTH &&
      this.#pending.length === 0
    )
  }

  #send(piece: Buffer | string): void {
    this.#credit -= piece.length
    this.#carrier.sendData(this.id, piece)
  }

  #sendEndOnceEmpty(): void {
    if (!this.#ended || this.#endSent || this.#pending.length > 0) return
    this.#endSent = true
    this.#carrier.sendEnd(this.id)
  }

  #bothEnded(): boolean {
    return this.#endSent && this.#endDelivered
  }

  #scheduleDelivery(): void {
    if (this.#deliveryScheduled || (this.#arrived.length === 0 && !this.#endArrived)) return
    this.#deliveryScheduled = true
    process.nextTick(() => {
      this.#deliveryScheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    this.#delivering = true
    while (!this.#closed && !this.#paused && this.#arrived.length > 0) {
      const piece = this.#arrived.shift(MAX_DATA_LENGTH)
      if (!this.#spliced) this.#window.taken(piece.length)
      this.receiver.onData(piece)
    }
    this.#delivering = false
    if (this.unreadBytes > 0) this.#count()
    if (this.#endArrived && !this.#paused && this.#arrived.length === 0) this.#deliverEnd()
  }

  #deliverEnd(): void {
    if (this.#endDelivered || this.#closed) return
    this.#endDelivered = true
    this.receiver.onEnd()
    if (this.#bothEnded() && !this.#closed) this.closeNow()
  }
}

const violated = (message: string): TunnelProtocolError => new TunnelProtocolError('protocol', message)
