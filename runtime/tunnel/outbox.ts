import { Buffer } from 'node:buffer'
import { type FrameType, writeHeader } from '@branchline/wire/tunnel/frame'
import { FRAME_HEADER_LENGTH } from '@branchline/wire/tunnel/limits'
import { writeLatin1 } from '../transport/node-private.ts'

/** Bytes before each message that its sender may overwrite: the longest header of a WebSocket's frame. */
const MESSAGE_ROOM = 14
const BATCH_LENGTH = 128 * 1024
const MAX_FREE = 8

/**
 * Sends one message. Calls `sent` once the system has taken it. Until then the message, and the {@link MESSAGE_ROOM} bytes
 * before it, belong to the sender.
 */
export type SendMessage = (message: Buffer, sent: () => void) => void

/** The limits of an {@link Outbox}, and who receives its events. */
export interface OutboxOptions {
  readonly send: SendMessage
  readonly unsentBytes: number
  readonly overflowBytes: number
  /** There is room again, after {@link Outbox.hasRoom} was false. */
  readonly onRoom: () => void
  /** More bytes wait than the link may hold. */
  readonly onOverflow: () => void
}

/**
 * Outgoing frames. The frames of one turn of the event loop leave as one message, which doubles the requests per second
 * (performance.md). Its buffers are reused once the system has taken them.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #free: Buffer[] = []
  #batch: Buffer = makeBatch(BATCH_LENGTH)
  /** Bytes of frames in the batch. */
  #length = 0
  #unsent = 0
  #full = false
  #scheduled = false
  #closed = false
  /** True inside a call of `send`. */
  #sending = false

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** False if data should wait for `onRoom`. Other frames are accepted in any case. */
  get hasRoom(): boolean {
    const room = this.#unsent + this.#length < this.#options.unsentBytes
    if (!room) this.#full = true
    return room
  }

  /** Adds one frame and copies its payload: bytes, or a string of Latin-1 characters. */
  add(type: FrameType, stream: number, payload: Buffer | string = ''): void {
    const at = this.#reserve(FRAME_HEADER_LENGTH + payload.length)
    writeHeader(this.#batch, at, type, stream, payload.length)
    if (typeof payload === 'string') writeLatin1(this.#batch, payload, at + FRAME_HEADER_LENGTH)
    else this.#batch.set(payload, at + FRAME_HEADER_LENGTH)
  }

  /** Adds an encoded frame of any size. */
  addWhole(frame: Buffer): void {
    if (frame.length > BATCH_LENGTH) {
      this.flush()
      const own = makeBatch(frame.length)
      frame.copy(own, MESSAGE_ROOM)
      this.#send(own, frame.length)
      return
    }
    frame.copy(this.#batch, this.#reserve(frame.length))
  }

  /** Sends batched frames now. */
  flush(): void {
    if (this.#length === 0 || this.#closed) return
    const batch = this.#batch
    const length = this.#length
    this.#batch = this.#free.pop() ?? makeBatch(BATCH_LENGTH)
    this.#length = 0
    this.#send(batch, length)
  }

  close(): void {
    this.#closed = true
    this.#length = 0
    this.#free.length = 0
  }

  #reserve(length: number): number {
    if (this.#length + length > BATCH_LENGTH) this.flush()
    const at = MESSAGE_ROOM + this.#length
    this.#length += length
    if (!this.#scheduled && !this.#closed) {
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.flush()
      })
    }
    return at
  }

  #send(batch: Buffer, length: number): void {
    if (this.#closed) return
    this.#unsent += length
    if (this.#unsent > this.#options.overflowBytes) {
      this.#options.onOverflow()
      return
    }
    this.#sending = true
    this.#options.send(batch.subarray(MESSAGE_ROOM, MESSAGE_ROOM + length), () => this.#sent(batch, length))
    this.#sending = false
  }

  #sent(batch: Buffer, length: number): void {
    this.#unsent -= length
    const isReusable = batch.length === MESSAGE_ROOM + BATCH_LENGTH
    if (isReusable && this.#free.length < MAX_FREE && !this.#closed) this.#free.push(batch)
    if (!this.#full) return
    // Never from inside the write of a stream.
    if (this.#sending) process.nextTick(() => this.#reportRoom())
    else this.#reportRoom()
  }

  #reportRoom(): void {
    if (!this.#full || this.#closed || this.#unsent > this.#options.unsentBytes / 2) return
    this.#full = false
    this.#options.onRoom()
  }
}

const makeBatch = (length: number): Buffer => Buffer.allocUnsafeSlow(MESSAGE_ROOM + length)
