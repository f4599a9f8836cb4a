/** The beginning of a request's body, kept to be sent again; nothing of it once it is too long. */
export class Replay {
  chunks: Buffer[] = []
  /** Everything that was sent is here. */
  whole = true
  readonly #limit: number
  #octets = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  keep(chunk: Buffer): void {
    if (!this.whole) return
    this.#octets += chunk.length
    if (this.#octets > this.#limit) this.drop()
    else this.chunks.push(chunk)
  }

  drop(): void {
    this.whole = false
    this.chunks = []
  }
}
