import { looksLikeHttp2, looksLikeSettings } from '../../http2/index.ts'

/** The maximum bytes of a request line to examine. Of a longer one, the beginning decides. */
const MAX_LINE = 4096

const BEGINNING = /^[A-Z][A-Z-]{0,23} (?:\/|\*|https?:\/\/)/
const WHOLE = / HTTP\/1\.[01]\r?$/
/** The beginning of a request line with any method and target (RFC 9110, 5.6.2 and 9.1). */
const ANY_BEGINNING = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x20-\xff]/
const ANY_PART = /^[!#$%&'*+.^_`|~0-9A-Za-z-]*(?:$| [\x20-\xff]*\r?$)/

/**
 * Whether a connection's first bytes are a request line of HTTP/1 (RFC 9112, 3). Undefined while they could still
 * become one. HTTP/2's preface, `PRI * HTTP/2.0`, is not one.
 */
export function looksLikeHttp1(bytes: Buffer): boolean | undefined {
  const text = bytes.toString('latin1', 0, MAX_LINE)
  const newline = text.indexOf('\n')
  if (newline !== -1) return BEGINNING.test(text) && WHOLE.test(text.slice(0, newline))
  if (!couldBegin(text)) return false
  return text.length < MAX_LINE ? undefined : true
}

/**
 * The same with any method and target, such as those of WebDAV or of a CONNECT. Few other protocols begin with a line
 * that ends like a request.
 */
function looksLikeAnyHttp1(bytes: Buffer): boolean | undefined {
  const text = bytes.toString('latin1', 0, MAX_LINE)
  const newline = text.indexOf('\n')
  if (newline !== -1) return ANY_BEGINNING.test(text) && WHOLE.test(text.slice(0, newline))
  if (!ANY_PART.test(text)) return false
  return text.length < MAX_LINE ? undefined : ANY_BEGINNING.test(text)
}

/** Whether a text could still become one that {@link BEGINNING} matches, or already is. */
function couldBegin(text: string): boolean {
  if (BEGINNING.test(text)) return true
  const space = text.indexOf(' ')
  if (space === -1) return /^(?:[A-Z][A-Z-]{0,23})?$/.test(text)
  const target = text.slice(space + 1)
  return (
    /^[A-Z][A-Z-]{0,23}$/.test(text.slice(0, space)) &&
    ['http://', 'https://'].some((all) => all.startsWith(target))
  )
}

/** The protocol that a connection turns out to speak. */
export type DetectedProtocol = 'http1' | 'http2' | 'raw'

/** The protocol of a connection's first bytes. Undefined while it is not decided. `isEntry`: see {@link Observation}. */
export function detectProtocol(bytes: Buffer, isEntry = false): DetectedProtocol | undefined {
  const http2 = looksLikeHttp2(bytes)
  if (http2 === true) return 'http2'
  const http1 = isEntry ? looksLikeAnyHttp1(bytes) : looksLikeHttp1(bytes)
  if (http1 === true) return 'http1'
  return http1 === false && http2 === false ? 'raw' : undefined
}

/** The same on a port that is declared as HTTP: the preface means HTTP/2. HTTP/1.1 gets the rest, and reports errors. */
function detectHttp(bytes: Buffer): DetectedProtocol | undefined {
  const http2 = looksLikeHttp2(bytes)
  return http2 === undefined ? undefined : http2 ? 'http2' : 'http1'
}

/** The protocol if no more bytes come: the beginning of a request line or preface decides. */
function detectAtEnd(bytes: Buffer, declared: boolean, isEntry: boolean): DetectedProtocol {
  if (bytes.length >= MIN_PREFACE && looksLikeHttp2(bytes) !== false) return 'http2'
  const beginning = isEntry ? ANY_BEGINNING : BEGINNING
  return declared || beginning.test(bytes.toString('latin1', 0, MAX_LINE)) ? 'http1' : 'raw'
}
/** The length of `PRI * H`, with which no request line begins. */
const MIN_PREFACE = 7

/** What has been observed of a connection whose protocol is not known yet. */
export interface Observation {
  /** Whether its port is declared as HTTP. */
  readonly declared: boolean
  /**
   * Whether visitors send requests here through an ingress. Then every request line counts: of a connection that is raw,
   * an app would read the keys that a visitor forged. Default: false.
   */
  readonly isEntry?: boolean
  /** The bytes that the client has sent so far. */
  readonly bytes: Buffer
  /** Whether the client sends nothing more: it has ended its direction, or paused within its first line. */
  readonly last: boolean
  /** The bytes that the app has sent so far on the connection that was opened to it. */
  readonly appBytes: Buffer
  /** Whether the app has ended its direction. */
  readonly appEnded: boolean
}

/**
 * The protocol of a connection. Undefined while it is not decided. The client's first bytes decide, whenever they
 * arrive. Without them, only an app that sends first decides: the connection is raw. SETTINGS, which HTTP/2 servers
 * send at once, do not decide.
 */
export function detect({
  declared,
  isEntry = false,
  bytes,
  last,
  appBytes,
  appEnded,
}: Observation): DetectedProtocol | undefined {
  if (appEnded || (appBytes.length > 0 && looksLikeSettings(appBytes) === false)) return 'raw'
  const detected = declared ? detectHttp(bytes) : detectProtocol(bytes, isEntry)
  return detected === undefined && last ? detectAtEnd(bytes, declared, isEntry) : detected
}
