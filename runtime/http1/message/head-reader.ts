import { badRequest, type HttpError, tooLarge } from '../../proxy/errors.ts'
import { isValueChar } from '../../proxy/grammar.ts'
import { KeptBytes } from './kept-bytes.ts'
import { latin1 } from '../../transport/node-private.ts'

/** Collects one head from the bytes that arrive. Most heads arrive whole and are cut out of the view at once. */
export class HeadReader {
  /** The last complete head, including its empty line. */
  text = ''
  /** Where the head begins in its {@link source}. */
  start = 0
  /** A head that comes in pieces. Kept until the next one, or until {@link forget}. */
  readonly #pieces = new KeptBytes()
  #started = false
  readonly #skipEmptyLines: boolean

  /** A server skips empty lines before a request (RFC 9112, 2.2). A response has none. */
  constructor(skipEmptyLines: boolean) {
    this.#skipEmptyLines = skipEmptyLines
  }

  /** True within a head. */
  get started(): boolean {
    return this.#started
  }

  /** Memory of an incomplete head, in bytes. */
  get kept(): number {
    return this.#pieces.size
  }

  /**
   * Releases what was read. An idle connection would otherwise keep its last head, and an ended one an incomplete head.
   */
  forget(): void {
    this.text = ''
    this.#started = false
    if (this.#pieces.size > 0) this.#pieces.clear()
  }

  /**
   * Continues reading at `at`. Returns the index after the head, whose text is then in `text`, or -1 if the head is
   * incomplete. Throws an {@link HttpError}: 431 or 414 for a head of more than `headBytes`, 400 for bytes that no head
   * may contain.
   */
  read(view: Buffer, at: number, headBytes: number): number {
    let from = at
    if (this.#started) return this.#readOn(view, at, headBytes)
    if (this.#pieces.size > 0) this.#pieces.clear()
    if (this.#skipEmptyLines) while (view[from] === 0x0d && view[from + 1] === 0x0a) from += 2
    if (from - at > 8) throw badRequest('empty lines instead of a request')
    const end = findEnd(view, from)
    if (end === -1 || end + 4 - from > headBytes) return this.#readOn(view, from, headBytes)
    this.text = latin1(view, from, end + 4)
    this.start = from
    return end + 4
  }

  /** Returns the bytes of `text`: the last view, or a copy if the head came in pieces. */
  source(view: Buffer): Buffer {
    return this.#pieces.size > 0 ? this.#pieces.bytes : view
  }

  #readOn(view: Buffer, at: number, headBytes: number): number {
    const before = this.#pieces.length
    this.#pieces.add(view, at, Math.min(view.length, at + headBytes - before + 1))
    this.#started = true
    const { bytes } = this.#pieces
    if (this.#skipEmptyLines && bytes[0] === CR && bytes[1] === LF) {
      // The first CRLF came in two pieces.
      this.forget()
      return this.read(view, at + 2 - before, headBytes)
    }
    const found = findEnd(bytes, Math.max(0, before - 3))
    if (found !== -1 && found + 4 <= headBytes) {
      this.text = latin1(bytes, 0, found + 4)
      this.start = 0
      this.#started = false
      return at + found + 4 - before
    }
    checkBytes(bytes, Math.max(0, before - 1))
    if (bytes.length > headBytes) throw this.#tooLarge(bytes, headBytes)
    return -1
  }

  #tooLarge(bytes: Buffer, headBytes: number): HttpError {
    const line = bytes.indexOf('\r\n')
    const [what, status] = line === -1 ? ['start line', 414] : ['head', 431]
    return tooLarge(`a ${what} of more than ${headBytes} bytes`, status)
  }
}

const CR = 0x0d
const LF = 0x0a

/**
 * Returns where the first CRLFCRLF at or after an index begins, or -1. The byte at its last position tells how far to
 * advance, so that most bytes are skipped (Horspool). A call of Node's search costs more than a whole short head.
 */
function findEnd(view: Buffer, from: number): number {
  let last = from + 3
  while (last < view.length) {
    const code = view[last]
    if (code === CR) last++
    else if (code !== LF) last += 4
    else if (view[last - 1] === CR && view[last - 2] === LF && view[last - 3] === CR) return last - 3
    else last += 2
  }
  return -1
}

// Refuses, before it is complete, what can never become a head: a bare CR or LF, a control character.
function checkBytes(bytes: Buffer, from: number): void {
  for (let i = from; i < bytes.length; i++) {
    const code = bytes[i] as number
    if (isValueChar(code)) continue
    const crlf = code === CR && (i + 1 === bytes.length || bytes[i + 1] === LF)
    if (crlf || (code === LF && i > 0 && bytes[i - 1] === CR)) continue
    throw badRequest('a control character, or a bare CR or LF, in a head')
  }
}
