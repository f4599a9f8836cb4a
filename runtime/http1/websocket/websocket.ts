import { randomBytes } from 'node:crypto'
import { FrameTracker } from './frame-tracker.ts'
import type { Receiver, Transport } from '../../transport/transport.ts'

/** The status of a Close frame: "going away" (RFC 6455, 7.4.1). */
const GOING_AWAY = [1001 >> 8, 1001 & 0xff] as const

/** A Close frame (RFC 6455, 5.5.1) with status 1001; of a client's masked, with a key that nobody foresees (5.3). */
export function closeFrame(masked: boolean): Buffer {
  if (!masked) return Buffer.from([0x88, 2, ...GOING_AWAY])
  const mask = randomBytes(4)
  return Buffer.from([
    0x88,
    0x82,
    ...mask,
    ...GOING_AWAY.map((octet, index) => octet ^ (mask[index] as number)),
  ])
}

/**
 * One direction of a joined WebSocket: hands all on to the receiver that joins, and knows where frames end, so
 * that it can say goodbye at the end of one, never in the middle of the bytes of others.
 */
export class WebSocketDirection implements Receiver {
  readonly frames: FrameTracker
  readonly #masked: boolean
  readonly #inner: Receiver
  readonly #to: Transport
  /** Called when it has left; undefined until it is to leave. */
  #onLeft: (() => void) | undefined = undefined
  #left = false

  /** `masked`: from a client to its server. `inner` is the receiver at hand, `to` where it sends. */
  constructor(masked: boolean, inner: Receiver, to: Transport) {
    this.frames = new FrameTracker(masked)
    this.#masked = masked
    this.#inner = inner
    this.#to = to
  }

  /** Whether a Close frame has passed this way, ours or the peer's. */
  get left(): boolean {
    return this.#left || (this.frames.closing && this.frames.between)
  }

  /** Sends a Close frame: now, or when the frame that is on its way has passed. Calls back once one has. */
  leave(onLeft: () => void): void {
    this.#onLeft = onLeft
    if (this.frames.between) this.#sayGoodbye(onLeft)
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
    if (onLeft !== undefined && this.frames.between) this.#sayGoodbye(onLeft)
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

  #sayGoodbye(onLeft: () => void): void {
    const before = this.left
    this.#left = true
    if (!before) this.#to.write(closeFrame(this.#masked))
    onLeft()
  }
}
