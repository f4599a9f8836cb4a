const CHUNK_LENGTH = 16 * 1024

interface Chunk {
  readonly bytes: Buffer
  start: number
  end: number
}

/**
 * A queue of bytes. It copies what is pushed into its own chunks. A view of one byte would keep its whole message
 * alive, so a peer could make each byte cost 64 KiB.
 */
export class ByteQueue {
  readonly #chunks: Chunk[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  push(data: Buffer): void {
    this.#length += data.length
    let at = 0
    const tail = this.#chunks.at(-1)
    if (tail !== undefined && tail.end < tail.bytes.length) {
      at = data.copy(tail.bytes, tail.end)
      tail.end += at
    }
    if (at === data.length) return
    const rest = data.length - at
    const bytes = Buffer.allocUnsafeSlow(Math.max(CHUNK_LENGTH, rest))
    data.copy(bytes, 0, at)
    this.#chunks.push({ bytes, start: 0, end: rest })
  }

  /** Takes up to `max` bytes, fewer if a chunk ends. The view stays valid. Empty if the queue is empty. */
  shift(max: number): Buffer {
    const head = this.#chunks[0]
    if (head === undefined) return EMPTY
    const end = Math.min(head.end, head.start + max)
    const view = head.bytes.subarray(head.start, end)
    head.start = end
    if (head.start === head.end) this.#chunks.shift()
    this.#length -= view.length
    return view
  }

  clear(): void {
    this.#chunks.length = 0
    this.#length = 0
  }
}

const EMPTY = Buffer.alloc(0)
