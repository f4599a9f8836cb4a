import { badRequest, type HttpError, tooLarge } from './errors.ts'
import { isValueChar } from './grammar.ts'
import { latin1, octetsOf } from './latin1.ts'

/** Collects one head out of what arrives; by far most arrive whole, and are cut out of the view at once. */
export class HeadReader {
  /** The last complete head, with its empty line. */
  text = ''
  /** Where the head begins in its {@link octets}. */
  start = 0
  #whole = true
  #partial = ''
  readonly #skipEmptyLines: boolean

  /** A server skips empty lines before a request (RFC 9112, 2.2); a response has none. */
  constructor(skipEmptyLines: boolean) {
    this.#skipEmptyLines = skipEmptyLines
  }

  /** True in the midst of a head. */
  get started(): boolean {
    return this.#partial !== ''
  }

  /**
   * Reads on from `at`. Returns the index after the head, whose text is then in `text`, or -1 where it goes
   * on. Throws an {@link HttpError}: 431 or 414 for a head of more than `headBytes`, 400 for octets that no
   * head has.
   */
  read(view: Buffer, at: number, headBytes: number): number {
    let from = at
    if (this.#partial !== '') return this.#readOn(view, at, headBytes)
    if (this.#skipEmptyLines) while (view[from] === 0x0d && view[from + 1] === 0x0a) from += 2
    if (from - at > 8) throw badRequest('empty lines in place of a request')
    const end = findEnd(view, from)
    if (end === -1 || end + 4 - from > headBytes) return this.#readOn(view, from, headBytes)
    this.text = latin1(view, from, end + 4)
    this.#whole = true
    this.start = from
    return end + 4
  }

  /** What `text` was made of: the view that was read last, or a copy where the head came in pieces. */
  octets(view: Buffer): Buffer {
    return this.#whole ? view : octetsOf(this.text)
  }

  #readOn(view: Buffer, at: number, headBytes: number): number {
    const before = this.#partial.length
    const end = Math.min(view.length, at + headBytes - before + 1)
    this.#partial += latin1(view, at, end)
    if (this.#skipEmptyLines && this.#partial.startsWith('\r\n')) {
      // The first CRLF came in two pieces.
      this.#partial = ''
      return this.read(view, at + 2 - before, headBytes)
    }
    const found = this.#partial.indexOf('\r\n\r\n', Math.max(0, before - 3))
    if (found !== -1 && found + 4 <= headBytes) {
      this.text = this.#partial.slice(0, found + 4)
      this.#whole = false
      this.start = 0
      this.#partial = ''
      return at + found + 4 - before
    }
    checkOctets(this.#partial, Math.max(0, before - 1))
    if (this.#partial.length > headBytes) throw this.#tooLarge(headBytes)
    return -1
  }

  #tooLarge(headBytes: number): HttpError {
    const line = this.#partial.indexOf('\r\n')
    const [what, status] = line === -1 ? ['start line', 414] : ['head', 431]
    return tooLarge(`a ${what} of more than ${headBytes} bytes`, status)
  }
}

const CR = 0x0d
const LF = 0x0a

/**
 * Where the first CRLFCRLF from an index on begins, or -1: the octet where its last one would be says how far to
 * go on, so that by far most are not looked at (Horspool). A call of Node's search costs more than a short head.
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

// What can never become a head is refused before it is complete: a bare CR or LF, control characters.
function checkOctets(text: string, from: number): void {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (isValueChar(code)) continue
    const crlf = code === 0x0d && (i + 1 === text.length || text.charCodeAt(i + 1) === 0x0a)
    if (crlf || (code === 0x0a && text.charCodeAt(i - 1) === 0x0d)) continue
    throw badRequest('a control character, or a bare CR or LF, in a head')
  }
}
