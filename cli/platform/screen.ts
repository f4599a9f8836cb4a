import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'

/** A terminal with lines that stay and, below them, a part that is redrawn. */
export class Screen {
  /** Whether the stream is a terminal that can redraw. */
  readonly isLive: boolean
  readonly #stream: WriteStream | NodeJS.WriteStream
  #drawn = ''
  #ended = false

  constructor(stream: WriteStream | NodeJS.WriteStream) {
    this.#stream = stream
    this.isLive = stream.isTTY && process.env['TERM'] !== 'dumb'
  }

  /** Writes a line that stays, above the part that is redrawn. */
  line(text: string): void {
    this.#clear()
    this.#stream.write(`${text}\n${this.#drawn}`)
  }

  /** Redraws the lower part. Does nothing if the stream is not a terminal. */
  draw(text: string): void {
    if (!this.isLive || this.#ended || `${text}\n` === this.#drawn) return
    this.#clear()
    this.#drawn = `${text}\n`
    this.#stream.write(this.#drawn)
  }

  /** Stops redrawing. The lower part stays as it is. */
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
      .reduce((sum, line) => sum + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)), 0)
    this.#stream.write(`\u001b[${rows}A\u001b[0J`)
  }
}
