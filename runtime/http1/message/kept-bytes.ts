import { giveBytes, takeBytes } from '../../transport/byte-pool.ts'

const NONE: Buffer = Buffer.alloc(0)

/** Bytes of a client that are kept for a while, in a buffer that grows by powers of two and is reused. */
export class KeptBytes {
  length = 0
  #buffer = NONE

  /** The memory that it takes, in bytes. */
  get size(): number {
    return this.#buffer.length
  }

  /** The bytes. Do not use them after {@link clear}, or while more are added. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.length)
  }

  /** Adds a copy of a part of a view. */
  add(view: Buffer, from: number, to: number): void {
    const length = this.length + to - from
    if (length > this.#buffer.length) this.#grow(length)
    view.copy(this.#buffer, this.length, from, to)
    this.length = length
  }

  /** Releases the buffer for reuse. */
  clear(): void {
    const buffer = this.detach()
    if (buffer.length > 0) giveBytes(buffer)
  }

  /** Gives up the buffer, which a reader still uses. Returns it. */
  detach(): Buffer {
    const buffer = this.#buffer
    this.#buffer = NONE
    this.length = 0
    return buffer
  }

  #grow(length: number): void {
    const before = this.#buffer
    this.#buffer = takeBytes(length)
    before.copy(this.#buffer, 0, 0, this.length)
    if (before.length > 0) giveBytes(before)
  }
}
