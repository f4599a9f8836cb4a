/** The beginning of a request's body, kept to be sent again. Keeps nothing once the body is too long. */
export class Replay {
  chunks: Buffer[] = []
  /** True if it holds everything that was sent. */
  whole = true
  readonly #limit: number
  #size = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  keep(chunk: Buffer): void {
    if (!this.whole) return
    this.#size += chunk.length
    if (this.#size > this.#limit) this.drop()
    else this.chunks.push(chunk)
  }

  drop(): void {
    this.whole = false
    this.chunks = []
  }
}
