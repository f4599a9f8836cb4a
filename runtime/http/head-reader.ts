import { giveBytes, takeBytes } from './byte-pool.ts'
import { badRequest, type HttpError, tooLarge } from './errors.ts'
import { isValueChar } from './grammar.ts'
import { latin1 } from './latin1.ts'

/** Collects one head out of what arrives; by far most arrive whole, and are cut out of the view at once. */
export class HeadReader {
  /** The last complete head, with its empty line. */
  text = ''
  /** Where the head begins in its {@link octets}. */
  start = 0
  /** A head that comes in pieces; kept until the next one, or {@link forget}. */
  #pieces: Buffer | undefined = undefined
  /** Bytes of it that have come; 0 once it is complete. */
  #length = 0
  readonly #skipEmptyLines: boolean

  /** A server skips empty lines before a request (RFC 9112, 2.2); a response has none. */
  constructor(skipEmptyLines: boolean) {
    this.#skipEmptyLines = skipEmptyLines
  }

  /** True in the midst of a head. */
  get started(): boolean {
    return this.#length > 0
  }

  /** Bytes of memory that an incomplete head takes. */
  get kept(): number {
    return this.#pieces?.length ?? 0
  }

  /** Lets go of what was read: an idle connection would keep its last head, and an ended one an incomplete one. */
  forget(): void {
    this.text = ''
    this.#length = 0
    if (this.#pieces === undefined) return
    giveBytes(this.#pieces)
    this.#pieces = undefined
  }

  /**
   * Reads on from `at`. Returns the index after the head, whose text is then in `text`, or -1 where it goes
   * on. Throws an {@link HttpError}: 431 or 414 for a head of more than `headBytes`, 400 for octets that no
   * head has.
   */
  read(view: Buffer, at: number, headBytes: number): number {
    let from = at
    if (this.#length > 0) return this.#readOn(view, at, headBytes)
    if (this.#pieces !== undefined) this.forget()
    if (this.#skipEmptyLines) while (view[from] === 0x0d && view[from + 1] === 0x0a) from += 2
    if (from - at > 8) throw badRequest('empty lines in place of a request')
    const end = findEnd(view, from, view.length)
    if (end === -1 || end + 4 - from > headBytes) return this.#readOn(view, from, headBytes)
    this.text = latin1(view, from, end + 4)
    this.start = from
    return end + 4
  }

  /** What `text` was made of: the view that was read last, or a copy where the head came in pieces. */
  octets(view: Buffer): Buffer {
    return this.#pieces ?? view
  }

  #readOn(view: Buffer, at: number, headBytes: number): number {
    const before = this.#length
    const pieces = this.#add(view, at, Math.min(view.length, at + headBytes - before + 1))
    const length = this.#length
    if (this.#skipEmptyLines && length > 1 && pieces[0] === 0x0d && pieces[1] === 0x0a) {
      // The first CRLF came in two pieces.
      this.forget()
      return this.read(view, at + 2 - before, headBytes)
    }
    const found = findEnd(pieces, Math.max(0, before - 3), length)
    if (found !== -1 && found + 4 <= headBytes) {
      this.text = latin1(pieces, 0, found + 4)
      this.start = 0
      this.#length = 0
      return at + found + 4 - before
    }
    checkOctets(pieces, Math.max(0, before - 1), length)
    if (length > headBytes) throw this.#tooLarge(pieces, headBytes)
    return -1
  }

  #add(view: Buffer, at: number, end: number): Buffer {
    const length = this.#length + end - at
    const known = this.#pieces
    let pieces = known
    if (pieces === undefined || pieces.length < length) {
      pieces = takeBytes(length)
      if (known !== undefined) {
        known.copy(pieces, 0, 0, this.#length)
        giveBytes(known)
      }
      this.#pieces = pieces
    }
    view.copy(pieces, this.#length, at, end)
    this.#length = length
    return pieces
  }

  #tooLarge(pieces: Buffer, headBytes: number): HttpError {
    const line = pieces.subarray(0, this.#length).indexOf('\r\n')
    const [what, status] = line === -1 ? ['start line', 414] : ['head', 431]
    return tooLarge(`a ${what} of more than ${headBytes} bytes`, status)
  }
}

const CR = 0x0d
const LF = 0x0a

/**
 * Where the first CRLFCRLF between two indexes begins, or -1: the octet where its last one would be says how far to
 * go on, so that by far most are not looked at (Horspool). A call of Node's search costs more than a short head.
 */
function findEnd(view: Buffer, from: number, to: number): number {
  let last = from + 3
  while (last < to) {
    const code = view[last]
    if (code === CR) last++
    else if (code !== LF) last += 4
    else if (view[last - 1] === CR && view[last - 2] === LF && view[last - 3] === CR) return last - 3
    else last += 2
  }
  return -1
}

// What can never become a head is refused before it is complete: a bare CR or LF, control characters.
function checkOctets(octets: Buffer, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const code = octets[i] as number
    if (isValueChar(code)) continue
    const crlf = code === CR && (i + 1 === to || octets[i + 1] === LF)
    if (crlf || (code === LF && i > 0 && octets[i - 1] === CR)) continue
    throw badRequest('a control character, or a bare CR or LF, in a head')
  }
}
