/** Opcodes of RFC 6455, 5.2: continuation, text, binary; close, ping, pong. All others are unassigned. */
const OPCODES = new Set([0x0, 0x1, 0x2, 0x8, 0x9, 0xa])
const CLOSE = 0x8

/**
 * Tracks where the frames of one direction of a WebSocket end (RFC 6455, 5.2), by their lengths only; it skips
 * payloads. Bytes that are not a frame of this direction make it {@link lost} permanently, without further effect.
 */
export class FrameTracker {
  /** The position is unknown, because the bytes are not frames. */
  lost = false
  /** A Close frame has begun. Nothing may follow it. */
  closing = false
  /** True if frames are masked: those of a client are, those of a server are not. */
  readonly #masked: boolean
  /** Bytes of the frame's header read so far, the size of that header, and the payload length that it gives. */
  #read = 0
  #size = 0
  #extended = 0
  #length = 0
  /** Bytes of the payload that are still to come. */
  #left = 0

  constructor(masked: boolean) {
    this.#masked = masked
  }

  /** True if one frame has ended and the next has not begun, so that a frame of ours may be inserted. */
  get between(): boolean {
    return this.#read === 0 && this.#left === 0 && !this.lost
  }

  /**
   * Follows the bytes to their end or, with `toBoundary`, to the first end of a frame (at once if one has just ended).
   * Returns the index that it reached.
   */
  follow(view: Buffer, toBoundary = false): number {
    let at = 0
    while (at < view.length && !this.lost) {
      if (toBoundary && this.between) return at
      if (this.#left > 0) {
        const step = Math.min(this.#left, view.length - at)
        this.#left -= step
        at += step
      } else this.#header(view[at++] as number)
    }
    return this.lost ? view.length : at
  }

  #header(byte: number): void {
    const index = this.#read++
    if (index === 0) {
      const opcode = byte & 0xf
      // A control frame is never fragmented (5.5).
      this.lost = !OPCODES.has(opcode) || (opcode >= CLOSE && byte < 0x80)
      if (opcode === CLOSE) this.closing = true
      this.#extended = opcode >= CLOSE ? -1 : 0
      return
    }
    if (index === 1) this.#firstLength(byte)
    else if (index < 2 + this.#extended) this.#length = this.#length * 256 + byte
    if (this.#length > Number.MAX_SAFE_INTEGER) this.lost = true
    if (this.#read < this.#size) return
    this.#read = 0
    this.#left = this.#length
  }

  #firstLength(byte: number): void {
    const length = byte & 0x7f
    const isControl = this.#extended === -1
    this.#extended = length === 126 ? 2 : length === 127 ? 8 : 0
    // The payload of a control frame has at most 125 bytes (5.5).
    if (byte >= 0x80 !== this.#masked || (isControl && this.#extended > 0)) this.lost = true
    this.#length = this.#extended > 0 ? 0 : length
    this.#size = 2 + this.#extended + (this.#masked ? 4 : 0)
  }
}
