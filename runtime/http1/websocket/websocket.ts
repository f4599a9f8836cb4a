import { randomBytes } from 'node:crypto'
import { FrameTracker } from './frame-tracker.ts'
import type { Receiver, Transport } from '../../transport/transport.ts'

/** The status of a Close frame: "going away" (RFC 6455, 7.4.1). */
const GOING_AWAY = [1001 >> 8, 1001 & 0xff] as const

/** Returns a Close frame (RFC 6455, 5.5.1) with status 1001; from a client, masked with an unpredictable key (5.3). */
export function closeFrame(masked: boolean): Buffer {
  if (!masked) return Buffer.from([0x88, 2, ...GOING_AWAY])
  const mask = randomBytes(4)
  return Buffer.from([
    0x88,
    0x82,
    ...mask,
    ...GOING_AWAY.map((byte, index) => byte ^ (mask[index] as number)),
  ])
}

/**
 * One direction of a joined WebSocket. It passes everything to the joining receiver and tracks where frames end, so
 * that it can send a Close frame between two frames and never within one.
 */
export class WebSocketDirection implements Receiver {
  readonly frames: FrameTracker
  readonly #masked: boolean
  readonly #inner: Receiver
  readonly #to: Transport
  /** Called after it has left; undefined until it is to leave. */
  #onLeft: (() => void) | undefined = undefined
  #left = false

  /** `masked`: from a client to its server. `inner` is the current receiver, `to` is where it sends. */
  constructor(masked: boolean, inner: Receiver, to: Transport) {
    this.frames = new FrameTracker(masked)
    this.#masked = masked
    this.#inner = inner
    this.#to = to
  }

  /** True if a Close frame has passed in this direction, ours or the peer's. */
  get left(): boolean {
    return this.#left || (this.frames.closing && this.frames.between)
  }

  /** Sends a Close frame: now, or after the frame in transit has passed. Calls back once a Close frame has passed. */
  leave(onLeft: () => void): void {
    this.#onLeft = onLeft
    if (this.frames.between) this.#sendClose(onLeft)
  }

  onOpen(): void {
    this.#inner.onOpen()
  }

  onData(view: Buffer): void {
    // Nothing may follow a Close frame.
    if (this.#left) return
    const onLeft = this.#onLeft
    const end = this.frames.follow(view, onLeft !== undefined)
    this.#inner.onData(end === view.length ? view : view.subarray(0, end))
    if (onLeft !== undefined && this.frames.between) this.#sendClose(onLeft)
  }

  onEnd(): void {
    this.#inner.onEnd()
  }

  onDrain(): void {
    this.#inner.onDrain()
  }

  onClose(error?: Error): void {
    this.#inner.onClose(error)
  }

  #sendClose(onLeft: () => void): void {
    const before = this.left
    this.#left = true
    if (!before) this.#to.write(closeFrame(this.#masked))
    onLeft()
  }
}
