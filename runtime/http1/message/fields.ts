import { badRequest, tooLarge } from '../../proxy/errors.ts'
import { equalsIgnoreCase, isTokenChar, bytesEqualIgnoreCase } from '../../proxy/grammar.ts'

/** What a field means to an intermediary. */
export const KIND = {
  plain: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  /** From here to `keepAlive`: for one hop only, never forwarded. */
  connection: 4,
  hop: 5,
  te: 6,
  keepAlive: 7,
  upgrade: 8,
  expect: 9,
} as const

/** True for a field that is never forwarded. */
export const isForOneHop = (kind: number): boolean => kind >= KIND.connection && kind <= KIND.keepAlive

/** Numbers per field: the start and end of its name and of its value in the head's text, and its kind. */
export const STRIDE = 5

/** How a message's body is delimited (RFC 9112, 6.3). */
export const BODY = { none: 0, length: 1, chunked: 2, close: 3 } as const
export type BodyKind = (typeof BODY)[keyof typeof BODY]

/** The fields of a head: their text as received, and the position of each. */
export class Fields {
  /** The whole head, from the start line to the empty line inclusive. */
  readonly text: string
  /** Where the first field line begins. */
  readonly from: number
  readonly at: number[] = []

  constructor(text: string, from: number) {
    this.text = text
    this.from = from
  }

  /**
   * Returns the value of a field (lower-case name); undefined if there is none. Several fields of one name are joined
   * by `, ` (RFC 9110, 5.3).
   */
  get(name: string): string | undefined {
    const { text, at } = this
    let value: string | undefined
    for (let i = 0; i < at.length; i += STRIDE) {
      if (!equalsIgnoreCase(text, at[i] as number, at[i + 1] as number, name)) continue
      const next = text.slice(at[i + 2], at[i + 3])
      value = value === undefined ? next : `${value}, ${next}`
    }
    return value
  }

  /** Returns all fields as received: `[name, value]`. */
  entries(): [name: string, value: string][] {
    const { text, at } = this
    const entries: [string, string][] = []
    for (let i = 0; i < at.length; i += STRIDE) {
      entries.push([text.slice(at[i], at[i + 1]), text.slice(at[i + 2], at[i + 3])])
    }
    return entries
  }
}

/** Returns where the next field line, or the empty line, begins. */
export function nextLine(fields: Fields, index: number): number {
  const next = fields.at[index + STRIDE]
  return next ?? fields.text.length - 2
}

/**
 * Finds the fields of a head (RFC 9112, 5) whose text ends with an empty line. Throws a 400 for everything that is not
 * strictly a field line: an obs-fold, a space before the colon, a control character, a bare CR or LF. Throws a 431 for
 * too many fields. It reads the head as bytes, of which `bytes[start]` is the first, because a character of a string
 * costs several times as much.
 */
export function parseFields(fields: Fields, maxCount: number, bytes: Uint8Array, start: number): void {
  const { text, at: out } = fields
  const end = start + text.length - 2
  let at = start + fields.from
  while (at < end) {
    const nameStart = at
    while (isTokenChar(bytes[at] as number)) at++
    const nameEnd = at
    if (nameEnd === nameStart || bytes[at] !== 0x3a) throw badField(text, nameStart - start, at - start)
    at++
    while (isBlank(bytes[at])) at++
    const valueStart = at
    at = skipValue(bytes, at)
    if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) throw badField(text, nameStart - start, at - start)
    let valueEnd = at
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--
    at += 2
    out.push(
      nameStart - start,
      nameEnd - start,
      valueStart - start,
      valueEnd - start,
      kindOf(bytes, nameStart, nameEnd),
    )
    if (out.length > maxCount * STRIDE) throw tooLarge(`more than ${maxCount} header fields`)
  }
}

/**
 * Returns the index of the first byte from `from` on that no value may contain (RFC 9110, 5.5). Comparing is faster
 * than a table.
 */
function skipValue(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length) {
    const code = bytes[at] as number
    if (code < 0x20 ? code !== 0x09 : code === 0x7f) break
    at++
  }
  return at
}

const isBlank = (code: number | undefined): boolean => code === 0x20 || code === 0x09

function badField(text: string, lineStart: number, at: number): Error {
  const code = text.charCodeAt(at)
  const first = text.charCodeAt(lineStart)
  if (first === 0x20 || first === 0x09) return badRequest('a folded header line (obs-fold) is refused')
  const shown = `0x${code.toString(16).padStart(2, '0')}`
  return badRequest(
    `header line ${JSON.stringify(text.slice(lineStart, Math.min(at, lineStart + 64)))}: invalid character ${shown}`,
  )
}

function kindOf(bytes: Uint8Array, from: number, to: number): number {
  const candidates = SPECIAL[to - from]
  if (candidates === undefined) return KIND.plain
  for (const { name, kind } of candidates) if (bytesEqualIgnoreCase(bytes, from, name)) return kind
  return KIND.plain
}

const SPECIAL: ({ name: Buffer; kind: number }[] | undefined)[] = []
const special = (name: string, kind: number): void => {
  ;(SPECIAL[name.length] ??= []).push({ name: Buffer.from(name), kind })
}
for (let length = 0; length < 32; length++) SPECIAL[length] = undefined
special('host', KIND.host)
special('content-length', KIND.contentLength)
special('transfer-encoding', KIND.transferEncoding)
special('connection', KIND.connection)
special('upgrade', KIND.upgrade)
special('expect', KIND.expect)
special('te', KIND.te)
special('keep-alive', KIND.keepAlive)
// RFC 9110, 7.6.1. Proxy-Authorization and its responses are addressed to us, the next proxy, and end here (11.7).
for (const name of [
  'proxy-connection',
  'http2-settings',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
]) {
  special(name, KIND.hop)
}
