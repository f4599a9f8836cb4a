import { Buffer } from 'node:buffer'
import { TunnelProtocolError } from './error.ts'
import { checkData, decodeFrames, FRAME_TYPES, type FrameSink, type ReadTarget } from './frame.ts'
import { FRAME_HEADER_LENGTH, MAX_CONTROL_LENGTH } from './limits.ts'

const NOTHING = Buffer.alloc(0)

/**
 * Decodes messages of whole frames, like {@link decodeFrames}, but as their parts arrive. The payload of one DATA frame
 * may reach the sink in several parts, as views of what was pushed. All other frames are kept until they are complete.
 */
export class FrameDecoder<T> {
  readonly #sink: FrameSink<T>
  readonly #readTarget: ReadTarget<T>
  /** The stream of a DATA frame whose payload is not complete. */
  #stream = 0
  #missing = 0
  /** Room for a header, or for a whole frame that is not DATA, of which some bytes have arrived. */
  #kept = NOTHING
  #filled = 0

  constructor(sink: FrameSink<T>, readTarget: ReadTarget<T>) {
    this.#sink = sink
    this.#readTarget = readTarget
  }

  /** Takes bytes `from` to `to` of a buffer. Throws a {@link TunnelProtocolError} at the first invalid frame. */
  push(bytes: Buffer, from: number, to: number): void {
    let at = from
    while (at < to) {
      if (this.#missing > 0) at = this.#data(bytes, at, to)
      else if (this.#kept.length > 0) at = this.#complete(bytes, at, to)
      else at = this.#frame(bytes, at, to)
    }
  }

  /** The message is complete. Throws a {@link TunnelProtocolError} if its last frame is not. */
  end(): void {
    if (this.#missing > 0) throw invalid('a frame ends within its payload')
    if (this.#kept.length > 0) throw invalid('a frame ends within its header or payload')
  }

  #data(bytes: Buffer, at: number, to: number): number {
    const end = Math.min(to, at + this.#missing)
    this.#missing -= end - at
    this.#sink.data(this.#stream, bytes.subarray(at, end))
    return end
  }

  /** Begins a frame. One that is complete is decoded in place. */
  #frame(bytes: Buffer, at: number, to: number): number {
    if (to - at < FRAME_HEADER_LENGTH) return this.#keep(FRAME_HEADER_LENGTH, bytes, at, to)
    const head = bytes.readUInt32BE(at)
    const length = head & 0xff_ffff
    if (head >>> 24 === FRAME_TYPES.data) {
      this.#stream = bytes.readUInt32BE(at + 4)
      this.#missing = length
      checkData(this.#stream, length)
      return at + FRAME_HEADER_LENGTH
    }
    if (length > MAX_CONTROL_LENGTH) throw invalid(`a frame of ${length} bytes`)
    const end = at + FRAME_HEADER_LENGTH + length
    if (end > to) return this.#keep(FRAME_HEADER_LENGTH + length, bytes, at, to)
    decodeFrames(bytes.subarray(at, end), this.#sink, this.#readTarget)
    return end
  }

  /** Keeps the first bytes of a header or a frame of this length. */
  #keep(length: number, bytes: Buffer, at: number, to: number): number {
    // At once in full length, so that a peer that sends byte by byte causes no copies. Unused pages take no memory.
    this.#kept = Buffer.allocUnsafeSlow(length)
    this.#filled = bytes.copy(this.#kept, 0, at, to)
    return to
  }

  /** Continues a header or a frame that is kept. */
  #complete(bytes: Buffer, at: number, to: number): number {
    const kept = this.#kept
    const copied = bytes.copy(kept, this.#filled, at, to)
    this.#filled += copied
    if (this.#filled < kept.length) return at + copied
    this.#kept = NOTHING
    this.#frame(kept, 0, kept.length)
    return at + copied
  }
}

const invalid = (message: string): TunnelProtocolError => new TunnelProtocolError('protocol', message)
