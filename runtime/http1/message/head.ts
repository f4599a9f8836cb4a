import { type Head, isSafe } from '../../proxy/head.ts'
import { badRequest, HttpError } from '../../proxy/errors.ts'
import { badResponse } from '../../proxy/failures.ts'
import { BODY, type BodyKind, Fields, KIND, parseFields, STRIDE } from './fields.ts'
import { type Framing, readFraming } from './framing.ts'
import { equalsIgnoreCase, isAuthority, isTargetChar, isTokenChar, isValueChar } from '../../proxy/grammar.ts'
import type { Limits } from '../limits.ts'

type HeadLimits = Pick<Limits, 'headerCount'>

/** A request's head (RFC 9112, 3), as received. */
export class RequestHead extends Fields implements Head {
  method = ''
  /** In origin form, or `*` for OPTIONS. An absolute target is split (RFC 9112, 3.2.2). */
  target = ''
  /** 10 or 11. */
  version = 11
  /** The authority that the request names: from an absolute target, otherwise from the Host field; '' if none. */
  host = ''
  /** True if the target was absolute, so that Host must be rewritten. */
  absolute = false
  body: BodyKind = BODY.none
  length = 0
  /** True if the client allows another request on its connection. */
  keepAlive = true
  /** The protocols of an upgrade that may be passed on. */
  upgrade: string | undefined = undefined
  /** True if the client may wait for a 100 (Continue) before it sends its body (RFC 9110, 10.1.1). */
  expects = false
  /** True for HTTP/1.0 without a Host field. It is passed on as HTTP/1.0, where Host is optional. */
  hostless = false
  /** True if the client accepts trailers and we may promise them. */
  trailers = false
  /** Max-Forwards of an OPTIONS or TRACE, as received; -1 if there is none (RFC 9110, 7.6.2). */
  maxForwards = -1

  /** Approximate memory, in bytes: its size on the wire. */
  get bytes(): number {
    return this.text.length
  }

  /** True if the method is safe (RFC 9110, 9.2.1) and there is no body, so that the request may be repeated. */
  get repeatable(): boolean {
    return this.body === BODY.none && isSafe(this.method)
  }
}

/** A response's head (RFC 9112, 4), as received. */
export class ResponseHead extends Fields {
  status = 0
  version = 11
  body: BodyKind = BODY.none
  length = 0
  /** True if the upstream allows another request on its connection. */
  keepAlive = true
  /** How long it may be kept idle according to the upstream, in milliseconds. */
  keptMs = Number.POSITIVE_INFINITY
}

/**
 * Parses a request's head, from its request line to its empty line. Throws an {@link HttpError}: 400 for an invalid or
 * ambiguous head, 501 for a coding or CONNECT, 505 for a version. `bytes` are the bytes of the text, from `start` on.
 */
export function parseRequestHead(
  text: string,
  limits: HeadLimits,
  bytes: Uint8Array = Buffer.from(text, 'latin1'),
  start = 0,
): RequestHead {
  let at = 0
  while (isTokenChar(bytes[start + at] as number)) at++
  if (at === 0 || bytes[start + at] !== 0x20) throw badRequest('request line: no method')
  const method = text.slice(0, at)
  const targetStart = ++at
  while (isTargetChar(bytes[start + at] as number)) at++
  if (at === targetStart || bytes[start + at] !== 0x20) throw badTarget(bytes[start + at])
  const head = new RequestHead(text, at + 11)
  head.method = method
  head.version = parseVersion(text, at + 1)
  if (bytes[start + at + 9] !== 0x0d || bytes[start + at + 10] !== 0x0a) {
    throw badRequest('request line: invalid version')
  }
  parseFields(head, limits.headerCount, bytes, start)
  readTarget(head, text.slice(targetStart, at))
  applyRequestFraming(head, readFraming(head, head.version))
  if (method === 'OPTIONS' || method === 'TRACE') readMaxForwards(head)
  return head
}

const badTarget = (code: number | undefined): HttpError =>
  code === 0x23
    ? badRequest('request line: the target contains a fragment (#), which clients must not send')
    : badRequest(
        `request line: invalid character 0x${(code ?? 0).toString(16).padStart(2, '0')} in the target`,
      )

function parseVersion(text: string, at: number): number {
  if (text.startsWith('HTTP/1.1', at)) return 11
  if (text.startsWith('HTTP/1.0', at)) return 10
  if (/^HTTP\/[0-9]\.[0-9]\r\n$/.test(text.slice(at, at + 10))) {
    throw badRequest(`${text.slice(at, at + 8)} is not supported here: use HTTP/1.1`, 505)
  }
  throw badRequest('request line: invalid version')
}

function readTarget(head: RequestHead, target: string): void {
  if (head.method === 'CONNECT') throw badRequest('CONNECT is not supported here', 501)
  head.host = readHost(head)
  head.target = target
  if (target.charCodeAt(0) === 0x2f) return
  if (target === '*' && head.method === 'OPTIONS') return
  const [, authority, rest] = /^https?:\/\/([^/?]*)(.*)$/i.exec(target) ?? []
  if (authority === undefined || authority === '' || rest === undefined || !isAuthority(authority)) {
    throw badRequest(
      `request target ${JSON.stringify(target.slice(0, 64))}: neither a path nor an http URL with a valid host`,
    )
  }
  head.absolute = true
  head.hostless = false
  head.host = authority
  if (rest === '') head.target = head.method === 'OPTIONS' ? '*' : '/'
  else head.target = rest.startsWith('/') ? rest : `/${rest}`
}

/** The last valid Host. Most requests to one listener name the same one. */
let lastHost: string | undefined

function readHost(head: RequestHead): string {
  const { text, at } = head
  let host: string | undefined
  for (let i = 0; i < at.length; i += STRIDE) {
    if (at[i + 4] !== KIND.host) continue
    if (host !== undefined) throw badRequest('two Host fields')
    host = text.slice(at[i + 2], at[i + 3])
  }
  if (host === undefined && head.version === 11) throw badRequest('no Host field')
  head.hostless = host === undefined
  if (host === undefined || host === lastHost) return host ?? ''
  if (!isAuthority(host))
    throw badRequest(`Host ${JSON.stringify(host.slice(0, 64))}: not a host with an optional port`)
  lastHost = host
  return host
}

// The field is rewritten, lower by one, so it is dropped like a field for this hop.
function readMaxForwards(head: RequestHead): void {
  const { text, at } = head
  for (let i = 0; i < at.length; i += STRIDE) {
    if (!equalsIgnoreCase(text, at[i] as number, at[i + 1] as number, 'max-forwards')) continue
    const value = text.slice(at[i + 2], at[i + 3])
    if (head.maxForwards !== -1 || !/^[0-9]{1,9}$/.test(value))
      throw badRequest('Max-Forwards is not a number')
    head.maxForwards = Number(value)
    at[i + 4] = KIND.hop
  }
}

function applyRequestFraming(head: RequestHead, framing: Framing): void {
  // A request without a length has no body. Only a response may end with its connection.
  const empty = framing.body === BODY.close || (framing.body === BODY.length && framing.length === 0)
  head.body = empty ? BODY.none : framing.body
  head.length = framing.length
  head.keepAlive = !framing.close && (head.version === 11 || framing.keepAlive)
  // HTTP/1.0 has no chunks, and so no trailers.
  head.trailers = framing.trailers && head.version === 11
  head.expects = framing.expects && head.version === 11
  // An upgrade to h2c would carry requests past the routing, so the request is served without it.
  if (framing.upgrade && head.version === 11) {
    const protocols = head.get('upgrade')
    if (protocols !== undefined && !/(?:^|[,\s])h2c?(?:$|[,\s/])/i.test(protocols)) head.upgrade = protocols
  }
}

/**
 * Parses the head of a response to a request of this method. Throws an {@link HttpError} of 502 for an invalid or
 * ambiguous head. `bytes` are the bytes of the text, from `start` on.
 */
export function parseResponseHead(
  text: string,
  method: string,
  limits: HeadLimits,
  bytes: Uint8Array = Buffer.from(text, 'latin1'),
  start = 0,
): ResponseHead {
  try {
    return readResponse(text, method, limits, bytes, start)
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    const clean = text.replaceAll(SPACE_BEFORE_COLON, '$1:')
    if (clean === text) throw badResponse(error)
    return parseResponseHead(clean, method, limits)
  }
}

/** A proxy removes it from responses (RFC 9112, 5.1), and reads and sends on the rest. */
const SPACE_BEFORE_COLON = /(?<=\r\n)([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]+:/g

function statusAt(text: string, at: number): number {
  const hundreds = text.charCodeAt(at) - 0x30
  const tens = text.charCodeAt(at + 1) - 0x30
  const ones = text.charCodeAt(at + 2) - 0x30
  const valid = hundreds >= 1 && hundreds <= 9 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9
  if (!valid) throw badRequest('status line: no status')
  return hundreds * 100 + tens * 10 + ones
}

/** True if a response that cannot have a body announces one. At least the end of that body may still follow. */
const announcesBody = ({ body, length }: Framing, status: number): boolean =>
  body === BODY.chunked || (status === 204 && length > 0)

function readResponse(
  text: string,
  method: string,
  limits: HeadLimits,
  bytes: Uint8Array,
  start: number,
): ResponseHead {
  const version = text.startsWith('HTTP/1.1 ') ? 11 : text.startsWith('HTTP/1.0 ') ? 10 : 0
  if (version === 0) throw badRequest('status line: not HTTP/1.x')
  const status = statusAt(text, 9)
  let at = 12
  if (bytes[start + at] === 0x20) while (isValueChar(bytes[start + at] as number)) at++
  if (bytes[start + at] !== 0x0d || bytes[start + at + 1] !== 0x0a) {
    throw badRequest('status line: invalid reason')
  }
  const head = new ResponseHead(text, at + 2)
  head.status = status
  head.version = version
  parseFields(head, limits.headerCount, bytes, start)
  const framing = readFraming(head, version)
  const bodiless = status < 200 || status === 204 || status === 304 || method === 'HEAD'
  const empty = framing.body === BODY.length && framing.length === 0
  head.body = bodiless || empty ? BODY.none : framing.body
  head.length = framing.length
  const delimited = head.body !== BODY.close && !(bodiless && announcesBody(framing, status))
  head.keepAlive = !framing.close && delimited && (version === 11 || framing.keepAlive)
  // Four fifths of the announced time, so that it does not close while the next request is on its way.
  head.keptMs = framing.keptSeconds * 800
  return head
}
