const NEWLINE = 0x0a

/**
 * Splits chunks of bytes into lines of UTF-8. It keeps at most `maxBytes` of an unfinished line, and throws a
 * RangeError beyond that.
 */
export class LineSplitter {
  readonly #maxBytes: number
  #parts: Buffer[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Whether a line has begun and not ended. */
  get unfinished(): boolean {
    return this.#bytes > 0
  }

  /** Returns the lines that end in this chunk, without their newlines and without empty lines. */
  push(chunk: Buffer): string[] {
    const lines: string[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end))
      if (this.#bytes > 0) lines.push(this.#take())
      start = end + 1
    }
    this.#keep(chunk.subarray(start))
    return lines
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return
    this.#bytes += part.length
    if (this.#bytes > this.#maxBytes) throw new RangeError(`a line has more than ${this.#maxBytes} bytes`)
    this.#parts.push(part)
  }

  #take(): string {
    const line = (
      this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
    ).toString()
    this.#parts = []
    this.#bytes = 0
    return line
  }
}
