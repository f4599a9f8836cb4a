import { badRequest, tooLarge } from '../../proxy/errors.ts'
import { BODY, type BodyKind } from './fields.ts'
import { isTokenChar, isValueChar } from '../../proxy/grammar.ts'

const S = {
  sizeFirst: 0,
  size: 1,
  extensionFirst: 2,
  extension: 3,
  valueFirst: 4,
  value: 5,
  quoted: 6,
  escaped: 7,
  quotedEnd: 8,
  nameBlank: 9,
  valueBlank: 10,
  sizeLf: 11,
  data: 12,
  dataCr: 13,
  dataLf: 14,
  trailerFirst: 15,
  trailerName: 16,
  trailerValue: 17,
  trailerLf: 18,
  endLf: 19,
  trailerBlank: 20,
} as const
type State = number

const CR = 0x0d
const LF = 0x0a
/** The digits of a size that a number represents exactly. */
const PLAIN_DIGITS = 13

/** Most white space in the line of one chunk. Some servers pad sizes to eight or sixteen digits. */
const MAX_BLANK = 64

/** The state after white space, where a lenient reader accepts it. */
const AFTER_BLANK: Readonly<Record<State, State>> = {
  [S.size]: S.valueBlank,
  [S.extensionFirst]: S.extensionFirst,
  [S.extension]: S.nameBlank,
  [S.valueFirst]: S.valueFirst,
  [S.value]: S.valueBlank,
  [S.quotedEnd]: S.valueBlank,
  [S.nameBlank]: S.nameBlank,
  [S.valueBlank]: S.valueBlank,
  [S.trailerName]: S.trailerBlank,
  [S.trailerBlank]: S.trailerBlank,
}

/** Fields that would reframe or redirect a message if a reader merged them into its head (RFC 9110, 6.5.1). */
export const FORBIDDEN_TRAILERS: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'host',
  'connection',
  'upgrade',
  'te',
  'trailer',
  'expect',
])

/** Where tolerated white space in the chunks of a response begins and ends in a view. */
export interface Blanks {
  readonly from: number
  to: number
}

/**
 * Finds where a message's body ends (RFC 9112, 6.3 and 7.1), without changing or keeping it. It checks chunked bodies
 * byte by byte outside their data, including extensions and trailers, so that they can pass unchanged. A lenient framer
 * accepts the bad white space of chunk lines (RFC 9112, 7.1.1; RFC 9110, 5.6.3) and white space before the colon of a
 * trailer. It reports where that is, so that only strict chunks are sent on.
 */
export class BodyFramer {
  kind: BodyKind = BODY.none
  /** True once the body is complete. A body that ends with its connection never becomes complete. */
  done = true
  /** Bytes of the body so far, including framing. */
  framedBytes = 0
  /** The same without framing. */
  dataBytes = 0
  /** Called for each run of data of a chunked body, if the data is wanted without its framing. */
  onChunkData: ((view: Buffer, from: number, to: number) => void) | undefined = undefined
  /** The lines of the trailers so far, if they are wanted. Set it after `start`. */
  trailerText: string | undefined = undefined
  /** Returns true for further trailers to refuse, by name in lower case. */
  refusesTrailer: ((name: string) => boolean) | undefined = undefined
  /** The white space in the last view, which is not to be sent on; undefined if there is none. */
  blanks: Blanks[] | undefined = undefined
  readonly #lenient: boolean
  #left = 0
  #digits = 0
  /** White space in the line of this chunk. */
  #blank = 0
  #state: State = S.sizeFirst
  /** Bytes of extensions and trailers. One limit covers both for the whole body. */
  #extra = 0
  #maxExtra = 0
  #trailers = 0
  #maxTrailers = 0
  #name = ''

  constructor(lenient = false) {
    this.#lenient = lenient
  }

  /** Starts a body of this kind and, if the kind has one, of this length. */
  start(
    kind: BodyKind,
    length: number,
    limits: { readonly headBytes: number; readonly headerCount: number },
  ): void {
    this.kind = kind
    this.done = kind === BODY.none
    this.framedBytes = 0
    this.dataBytes = 0
    this.onChunkData = undefined
    this.trailerText = undefined
    this.#left = length
    this.#state = S.sizeFirst
    this.#extra = 0
    this.#maxExtra = limits.headBytes
    this.#trailers = 0
    this.#maxTrailers = limits.headerCount
  }

  /** Returns the index after the last byte from `at` on that belongs to the body. Throws a 400 for invalid chunks. */
  take(view: Buffer, at: number): number {
    this.blanks = undefined
    if (this.done) return at
    let end = view.length
    if (this.kind === BODY.length) {
      if (end - at >= this.#left) {
        end = at + this.#left
        this.done = true
      }
      this.#left -= end - at
    } else if (this.kind === BODY.chunked) {
      end = this.#takeChunks(view, at)
    }
    if (this.kind !== BODY.chunked) this.dataBytes += end - at
    this.framedBytes += end - at
    return end
  }

  #takeChunks(view: Buffer, from: number): number {
    let at = from
    while (at < view.length) {
      if (this.#state === S.data) {
        if (this.onChunkData === undefined) at = this.#takePlainChunks(view, at)
        const end = Math.min(view.length, at + this.#left)
        this.dataBytes += end - at
        this.onChunkData?.(view, at, end)
        this.#left -= end - at
        at = end
        if (this.#left === 0) this.#state = S.dataCr
        continue
      }
      const after = this.#takeWholeLine(view, at)
      if (after !== at) {
        at = after
        continue
      }
      const code = view[at] as number
      if (this.#lenient && (code === 0x20 || code === 0x09) && this.#skipsBlank()) this.#noteBlank(at)
      else this.#state = this.#step(code)
      at++
      if (this.done) return at
    }
    return at
  }

  /**
   * Passes over plain chunks that are followed by the line of a further one, from the data of the first on. Returns the
   * index in the data of the last one. Small chunks are most of the work, so it keeps its state in variables.
   */
  #takePlainChunks(view: Buffer, from: number): number {
    const { length } = view
    let at = from
    let left = this.#left
    let data = 0
    for (;;) {
      let to = at + left
      if (to + 1 >= length || view[to] !== CR || view[to + 1] !== LF) break
      to += 2
      let size = 0
      const most = Math.min(length, to + PLAIN_DIGITS)
      for (let digit; to < most && (digit = hex(view[to] as number)) >= 0; to++) size = size * 16 + digit
      if (size === 0 || to + 1 >= length || view[to] !== CR || view[to + 1] !== LF) break
      data += left
      left = size
      at = to + 2
    }
    if (data > 0) {
      this.dataBytes += data
      this.#left = left
      this.#blank = 0
    }
    return at
  }

  /**
   * Reads the end of a chunk's data and the line of the next chunk in one step, which is most of the work for small
   * chunks. Returns the index after what it read, or `at` for anything that is not plain or not complete.
   */
  #takeWholeLine(view: Buffer, at: number): number {
    let from = at
    if (this.#state === S.dataCr && view[at] === CR && view[at + 1] === LF) {
      this.#state = S.sizeFirst
      from = at + 2
    }
    if (this.#state !== S.sizeFirst) return from
    let size = 0
    let to = from
    for (let digit; to - from < PLAIN_DIGITS && (digit = hex(view[to] as number)) >= 0; to++)
      size = size * 16 + digit
    if (size === 0 || view[to] !== CR || view[to + 1] !== LF) return from
    this.#left = size
    this.#blank = 0
    this.#state = S.data
    return to + 2
  }

  /** True if white space may stand here. What precedes it is then complete. */
  #skipsBlank(): boolean {
    const after = AFTER_BLANK[this.#state]
    if (after === undefined) return false
    if (++this.#blank > MAX_BLANK) throw badRequest(`chunk: more than ${MAX_BLANK} bytes of white space`)
    this.#state = after
    return true
  }

  #noteBlank(at: number): void {
    const last = this.blanks?.at(-1)
    if (last?.to === at) last.to++
    else (this.blanks ??= []).push({ from: at, to: at + 1 })
  }

  #step(code: number): State {
    if (this.#state === S.nameBlank && code === 0x3d) return S.valueFirst
    if (this.#state <= S.sizeLf) return this.#stepSize(code)
    if (this.#state >= S.trailerFirst) return this.#stepTrailer(code)
    if (this.#state === S.dataCr && code === 0x0d) return S.dataLf
    if (this.#state === S.dataLf && code === 0x0a) return S.sizeFirst
    throw badRequest('chunk: the data is longer than the size')
  }

  #stepSize(code: number): State {
    switch (this.#state) {
      case S.sizeFirst:
        this.#left = hex(code)
        this.#digits = 1
        this.#blank = 0
        if (this.#left < 0) throw badRequest('chunk: no size')
        return S.size
      case S.size:
        return this.#stepDigits(code)
      case S.sizeLf:
        if (code !== 0x0a) throw badRequest('chunk: CR without LF')
        return this.#left === 0 ? S.trailerFirst : S.data
      default:
        return this.#stepExtension(code)
    }
  }

  #stepDigits(code: number): State {
    const digit = hex(code)
    if (digit < 0) return this.#afterToken(code)
    this.#left = this.#left * 16 + digit
    if (++this.#digits > 16 || this.#left > Number.MAX_SAFE_INTEGER) throw badRequest('chunk: size too large')
    return S.size
  }

  /** RFC 9112, 7.1.1, without the bad white space that it permits. */
  #stepExtension(code: number): State {
    if (++this.#extra > this.#maxExtra)
      throw tooLarge(`chunk extensions of more than ${this.#maxExtra} bytes`, 400)
    const inToken = isTokenChar(code)
    switch (this.#state) {
      case S.extensionFirst:
        if (inToken) return S.extension
        break
      case S.extension:
        if (inToken) return S.extension
        return code === 0x3d ? S.valueFirst : this.#afterToken(code)
      case S.valueFirst:
        if (code === 0x22) return S.quoted
        if (inToken) return S.value
        break
      case S.value:
        return inToken ? S.value : this.#afterToken(code)
      case S.quoted:
        if (code === 0x22) return S.quotedEnd
        if (code === 0x5c) return S.escaped
        if (code < 0x80 && isValueChar(code)) return S.quoted
        break
      case S.escaped:
        if (code < 0x80 && isValueChar(code)) return S.quoted
        break
      default:
        // `quotedEnd`, and white space before an extension or the end of the line.
        return this.#afterToken(code)
    }
    throw badRequest('chunk: invalid extension')
  }

  #afterToken(code: number): State {
    if (code === 0x0d) return S.sizeLf
    if (code === 0x3b) return S.extensionFirst
    throw badRequest('chunk: invalid character after the size')
  }

  #stepTrailer(code: number): State {
    if (++this.#extra > this.#maxExtra) throw tooLarge(`trailers of more than ${this.#maxExtra} bytes`)
    if (this.trailerText !== undefined) this.trailerText += String.fromCharCode(code)
    switch (this.#state) {
      case S.trailerFirst:
        if (code === 0x0d) return S.endLf
        this.#name = ''
        if (++this.#trailers > this.#maxTrailers) throw tooLarge(`more than ${this.#maxTrailers} trailers`)
        return this.#stepTrailerName(code)
      case S.trailerName:
        return this.#stepTrailerName(code)
      case S.trailerBlank:
        if (code !== 0x3a) break
        return this.#stepTrailerName(code)
      case S.trailerValue:
        if (code === 0x0d) return S.trailerLf
        if (isValueChar(code)) return S.trailerValue
        break
      case S.trailerLf:
        if (code === 0x0a) return S.trailerFirst
        break
      default:
        if (code !== 0x0a) break
        this.done = true
        return S.sizeFirst
    }
    throw badRequest('trailer: invalid character')
  }

  #stepTrailerName(code: number): State {
    if (isTokenChar(code)) {
      // No refused name is longer, so the rest of a longer one does not matter.
      if (this.#name.length < 64) this.#name += String.fromCharCode(code)
      return S.trailerName
    }
    if (code !== 0x3a || this.#name === '') throw badRequest('trailer: invalid name')
    const name = this.#name.toLowerCase()
    if (FORBIDDEN_TRAILERS.has(name) || this.refusesTrailer?.(name) === true) {
      throw badRequest(`trailer ${this.#name} is refused`)
    }
    return S.trailerValue
  }
}

/** Returns a part of a view without the white space that was found in it. */
export function withoutBlanks(view: Buffer, from: number, to: number, blanks: readonly Blanks[]): Buffer {
  const kept: Buffer[] = []
  let at = from
  for (const blank of blanks) {
    kept.push(view.subarray(at, blank.from))
    at = blank.to
  }
  kept.push(view.subarray(at, to))
  return Buffer.concat(kept)
}

function hex(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
