import type { WriteStream } from 'node:tty'

/** Lines that stay, and below them, on a terminal, a part that is drawn anew. */
export class Screen {
  /** Whether it is a terminal that can draw over itself. */
  readonly isLive: boolean
  readonly #stream: WriteStream | NodeJS.WriteStream
  #drawn = ''
  #ended = false

  constructor(stream: WriteStream | NodeJS.WriteStream) {
    this.#stream = stream
    this.isLive = stream.isTTY && process.env['TERM'] !== 'dumb'
  }

  /** Writes a line that stays, above what is drawn. */
  line(text: string): void {
    this.#clear()
    this.#stream.write(`${text}\n${this.#drawn}`)
  }

  /** Draws the lower part anew; nothing where it is not a terminal. */
  draw(text: string): void {
    if (!this.isLive || this.#ended || `${text}\n` === this.#drawn) return
    this.#clear()
    this.#drawn = `${text}\n`
    this.#stream.write(this.#drawn)
  }

  /** What is drawn stays as it is from now on. */
  end(): void {
    this.#ended = true
    this.#drawn = ''
  }

  #clear(): void {
    if (this.#drawn === '') return
    const columns = this.#stream.columns || 80
    const rows = this.#drawn
      .split('\n')
      .slice(0, -1)
      .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / columns)), 0)
    this.#stream.write(`\u001b[${rows}A\u001b[0J`)
  }
}
