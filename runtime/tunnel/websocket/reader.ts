import { Buffer } from 'node:buffer'

/** FIN and the opcode of a binary message (RFC 6455, 5.2). */
const WHOLE_BINARY = 0x82
const MASKED = 0x80
const LENGTH_16 = 126
const LENGTH_64 = 127
const MASK_LENGTH = 4
const MAX_HEADER_LENGTH = 14

/** Receives what a {@link FrameReader} finds. */
export interface FrameReaderSink {
  /** Bytes `from` to `to` of a buffer belong to a binary message. */
  part(bytes: Buffer, from: number, to: number): void
  /** The message is complete. */
  end(): void
  /** Bytes of every other frame, for a full implementation of the protocol. The view is valid only during the call. */
  other(bytes: Buffer): void
}

/**
 * Splits the bytes of a WebSocket connection (RFC 6455, 5.2) into the parts of its binary messages, as they arrive and
 * without copies, and all other frames: control frames, fragments, texts, too large ones and ones that are not valid.
 */
export class FrameReader {
  readonly #sink: FrameReaderSink
  /** The second byte of a frame that this reader understands, without its length. */
  readonly #maskBit: number
  readonly #maxLength: number
  /** Bytes of the payload that are still to come. */
  #missing = 0
  #isOther = false
  readonly #mask = Buffer.alloc(MASK_LENGTH)
  #isMasked = false
  /** Position in the mask. */
  #maskAt = 0
  readonly #header = Buffer.alloc(MAX_HEADER_LENGTH)
  #headerLength = 0

  constructor(sink: FrameReaderSink, options: { readonly masked: boolean; readonly maxLength: number }) {
    this.#sink = sink
    this.#maskBit = options.masked ? MASKED : 0
    this.#maxLength = options.maxLength
  }

  /** Takes what the socket has read. Masked payloads are unmasked in place. */
  push(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) at = this.#missing > 0 ? this.#payload(bytes, at) : this.#head(bytes, at)
  }

  #payload(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#missing)
    this.#missing -= end - at
    if (this.#isOther) this.#sink.other(bytes.subarray(at, end))
    else {
      if (this.#isMasked) this.#maskAt = applyMask(bytes, at, end, this.#mask, this.#maskAt)
      this.#sink.part(bytes, at, end)
      if (this.#missing === 0) this.#sink.end()
    }
    return end
  }

  /** Collects a header. Most are complete in one read, but the copy of at most 14 bytes does not matter. */
  #head(bytes: Buffer, at: number): number {
    const header = this.#header
    const wanted = this.#headerLength < 2 ? 2 : headerLengthOf(header)
    const copied = bytes.copy(header, this.#headerLength, at, at + wanted - this.#headerLength)
    this.#headerLength += copied
    if (this.#headerLength >= 2 && this.#headerLength === headerLengthOf(header)) this.#begin()
    return at + copied
  }

  #begin(): void {
    const header = this.#header.subarray(0, this.#headerLength)
    this.#headerLength = 0
    const second = header[1] as number
    const length = payloadLengthOf(header)
    this.#missing = length
    this.#isOther =
      header[0] !== WHOLE_BINARY || (second & MASKED) !== this.#maskBit || length > this.#maxLength
    if (this.#isOther) return this.#sink.other(header)
    this.#isMasked = false
    if (this.#maskBit !== 0) {
      header.copy(this.#mask, 0, header.length - MASK_LENGTH)
      this.#isMasked = this.#mask.readUInt32LE(0) !== 0
      this.#maskAt = 0
    }
    if (length === 0) this.#sink.end()
  }
}

/** The length of a header whose first two bytes are known. */
function headerLengthOf(header: Buffer): number {
  const second = header[1] as number
  const length = second & 0x7f
  const extended = length === LENGTH_16 ? 2 : length === LENGTH_64 ? 8 : 0
  return 2 + extended + ((second & MASKED) === 0 ? 0 : MASK_LENGTH)
}

function payloadLengthOf(header: Buffer): number {
  const length = (header[1] as number) & 0x7f
  if (length < LENGTH_16) return length
  return length === LENGTH_16 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2))
}

/**
 * Applies a mask in place (RFC 6455, 5.3), which also removes it. `maskAt` is the position in the mask of the first
 * byte. Returns that of the byte after the last one.
 */
export function applyMask(bytes: Buffer, from: number, to: number, mask: Buffer, maskAt: number): number {
  let at = from
  let position = maskAt
  // Byte by byte up to a word of the memory, then word by word.
  for (; at < to && ((bytes.byteOffset + at) & 3) !== 0; at++, position = (position + 1) & 3) {
    bytes[at] = (bytes[at] as number) ^ (mask[position] as number)
  }
  const count = (to - at) >> 2
  if (count > 0) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, count)
    const rotated = Buffer.from([0, 1, 2, 3].map((index) => mask[(position + index) & 3] as number))
    const key = new Uint32Array(Uint8Array.from(rotated).buffer)[0] as number
    for (let index = 0; index < count; index++) words[index] = (words[index] as number) ^ key
    at += count << 2
  }
  for (; at < to; at++, position = (position + 1) & 3) {
    bytes[at] = (bytes[at] as number) ^ (mask[position] as number)
  }
  return position
}
