/** Opcodes of RFC 6455, 5.2: continuation, text, binary; close, ping, pong. All others are nobody's yet. */
const OPCODES = new Set([0x0, 0x1, 0x2, 0x8, 0x9, 0xa])
const CLOSE = 0x8

/**
 * Knows where the frames of one direction of a WebSocket end (RFC 6455, 5.2), by their lengths alone: payloads are
 * skipped, not looked at. What is no frame of this direction makes it {@link lost} for good, and nothing else.
 */
export class FrameTracker {
  /** Nothing is known any more: what passes are no frames. */
  lost = false
  /** A Close frame has begun: nothing may follow it. */
  closing = false
  /** Whether frames are masked: those of a client are, those of a server are not. */
  readonly #masked: boolean
  /** Octets of the frame's header that were read, of how many, and what it says of the payload's length. */
  #read = 0
  #size = 0
  #extended = 0
  #length = 0
  /** Octets of the payload that are still to come. */
  #left = 0

  constructor(masked: boolean) {
    this.#masked = masked
  }

  /** Whether a frame has ended and none begun, so that one of ours may stand here. */
  get between(): boolean {
    return this.#read === 0 && this.#left === 0 && !this.lost
  }

  /**
   * Follows what passes, to its end or, with `toBoundary`, to the first end of a frame (at once where one has
   * ended already). Returns the index up to which it did.
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

  #header(octet: number): void {
    const index = this.#read++
    if (index === 0) {
      const opcode = octet & 0xf
      // A control frame is never a fragment (5.5).
      this.lost = !OPCODES.has(opcode) || (opcode >= CLOSE && octet < 0x80)
      if (opcode === CLOSE) this.closing = true
      this.#extended = opcode >= CLOSE ? -1 : 0
      return
    }
    if (index === 1) this.#firstLength(octet)
    else if (index < 2 + this.#extended) this.#length = this.#length * 256 + octet
    if (this.#length > Number.MAX_SAFE_INTEGER) this.lost = true
    if (this.#read < this.#size) return
    this.#read = 0
    this.#left = this.#length
  }

  #firstLength(octet: number): void {
    const length = octet & 0x7f
    const isControl = this.#extended === -1
    this.#extended = length === 126 ? 2 : length === 127 ? 8 : 0
    // A control frame's payload has 125 octets at most (5.5).
    if (octet >= 0x80 !== this.#masked || (isControl && this.#extended > 0)) this.lost = true
    this.#length = this.#extended > 0 ? 0 : length
    this.#size = 2 + this.#extended + (this.#masked ? 4 : 0)
  }
}
