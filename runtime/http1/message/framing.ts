import { badRequest } from '../../proxy/errors.ts'
import { BODY, type BodyKind, type Fields, KIND, STRIDE } from './fields.ts'
import { equalsIgnoreCase } from '../../proxy/grammar.ts'

/** What the fields of a head say about the body of the message and its connection. */
export interface Framing {
  /** `close` if no field delimits the body. */
  body: BodyKind
  /** Bytes of a body of kind `length`. */
  length: number
  /** Connection contains `close`, `keep-alive`, `upgrade`. */
  close: boolean
  keepAlive: boolean
  upgrade: boolean
  /** There is an Expect field. */
  expects: boolean
  /** TE contains `trailers` (RFC 9110, 10.1.4). */
  trailers: boolean
  /**
   * How long the peer keeps an idle connection according to `Keep-Alive: timeout`, in seconds; Infinity if it does not
   * say.
   */
  keptSeconds: number
}

/**
 * Reads Content-Length, Transfer-Encoding and Connection (RFC 9112, 6 and 9; RFC 9110, 7.6.1) and marks the fields that
 * Connection nominates. Refuses what two readers could understand differently: both kinds of length, one kind twice, a
 * coding other than a single `chunked`, and any coding in HTTP/1.0.
 */
export function readFraming(fields: Fields, version: number): Framing {
  const framing: Framing = {
    body: BODY.close,
    length: 0,
    close: false,
    keepAlive: false,
    upgrade: false,
    expects: false,
    trailers: false,
    keptSeconds: Number.POSITIVE_INFINITY,
  }
  const { text, at } = fields
  let coded = false
  for (let i = 0; i < at.length; i += STRIDE) {
    const kind = at[i + 4]
    if (kind === KIND.contentLength) {
      if (framing.body === BODY.length) throw badRequest('two Content-Length fields')
      framing.length = parseLength(text, at[i + 2] as number, at[i + 3] as number)
      framing.body = BODY.length
    } else if (kind === KIND.transferEncoding) {
      if (coded) throw badRequest('two Transfer-Encoding fields')
      coded = true
      checkCoding(text.slice(at[i + 2], at[i + 3]))
    } else if (kind === KIND.connection) {
      readConnection(fields, text.slice(at[i + 2], at[i + 3]), framing)
    } else if (kind === KIND.expect) {
      framing.expects = true
    } else if (kind === KIND.te) {
      framing.trailers ||= /(?:^|,)\s*trailers\s*(?:$|[,;])/i.test(text.slice(at[i + 2], at[i + 3]))
    } else if (kind === KIND.keepAlive) {
      framing.keptSeconds = Math.min(
        framing.keptSeconds,
        keptSeconds(text, at[i + 2] as number, at[i + 3] as number),
      )
    }
  }
  if (!coded) return framing
  if (version === 10) throw badRequest('Transfer-Encoding in HTTP/1.0')
  if (framing.body === BODY.length) throw badRequest('both Content-Length and Transfer-Encoding')
  framing.body = BODY.chunked
  return framing
}

function parseLength(text: string, from: number, to: number): number {
  let length = 0
  // A number represents 15 digits exactly, and no body has a petabyte.
  let valid = to > from && to - from <= 15
  for (let at = from; valid && at < to; at++) {
    const digit = text.charCodeAt(at) - 0x30
    valid = digit >= 0 && digit <= 9
    length = length * 10 + digit
  }
  if (!valid)
    throw badRequest(
      `Content-Length ${JSON.stringify(text.slice(from, Math.min(to, from + 64)))}: not a number of at most 15 digits`,
    )
  return length
}

/** RFC 2068, 19.7.1: `timeout=5, max=100`. Read without a copy, because every response of a Node server has it. */
function keptSeconds(text: string, from: number, to: number): number {
  let at = text.indexOf('timeout=', from) + 8
  if (at < from + 8 || at >= to) return Number.POSITIVE_INFINITY
  let seconds = 0
  const digits = at
  for (
    let code = text.charCodeAt(at);
    at < to && code >= 0x30 && code <= 0x39;
    code = text.charCodeAt(++at)
  ) {
    seconds = seconds * 10 + code - 0x30
  }
  return at === digits ? Number.POSITIVE_INFINITY : seconds
}

function checkCoding(value: string): void {
  if (value.length === 7 && equalsIgnoreCase(value, 0, 7, 'chunked')) return
  const codings = value
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
  const chunkedAt = codings.indexOf('chunked')
  if (chunkedAt !== codings.length - 1)
    throw badRequest(
      `Transfer-Encoding ${JSON.stringify(value.slice(0, 64))}: chunked must be the last coding and occur once`,
    )
  throw badRequest(`Transfer-Encoding ${JSON.stringify(value.slice(0, 64))}: only chunked is supported`, 501)
}

function readConnection(fields: Fields, value: string, framing: Framing): void {
  if (equalsIgnoreCase(value, 0, value.length, 'keep-alive')) framing.keepAlive = true
  else if (equalsIgnoreCase(value, 0, value.length, 'close')) framing.close = true
  else {
    for (const part of value.toLowerCase().split(',')) {
      const option = part.trim()
      if (option === 'close') framing.close = true
      else if (option === 'keep-alive') framing.keepAlive = true
      else if (option === 'upgrade') framing.upgrade = true
      else if (option !== '') nominate(fields, option)
    }
  }
}

// Only end-to-end fields can be nominated. Removing Host or a length would reframe the message.
function nominate(fields: Fields, name: string): void {
  const { text, at } = fields
  for (let i = 0; i < at.length; i += STRIDE) {
    if (at[i + 4] !== KIND.plain && at[i + 4] !== KIND.expect) continue
    if (equalsIgnoreCase(text, at[i] as number, at[i + 1] as number, name)) at[i + 4] = KIND.hop
  }
}
