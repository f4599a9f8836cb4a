import { looksLikeHttp2, looksLikeSettings } from '../../http2/index.ts'

/** The most bytes of a request line that are looked at: a longer one is judged by its beginning. */
const MAX_LINE = 4096

const BEGINNING = /^[A-Z][A-Z-]{0,23} (?:\/|\*|https?:\/\/)/
const WHOLE = / HTTP\/1\.[01]\r?$/

/**
 * Whether a connection's first bytes are a request line of HTTP/1 (RFC 9112, 3), are not, or could still
 * become one. HTTP/2's preface is not: `PRI * HTTP/2.0`.
 */
export function looksLikeHttp1(bytes: Buffer): boolean | undefined {
  const text = bytes.toString('latin1', 0, MAX_LINE)
  const newline = text.indexOf('\n')
  if (newline !== -1) return BEGINNING.test(text) && WHOLE.test(text.slice(0, newline))
  if (!couldBegin(text)) return false
  return text.length < MAX_LINE ? undefined : true
}

/** Whether a text is the beginning of what {@link BEGINNING} matches, or more than that. */
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

/** What a connection may turn out to speak. */
export type Spoken = 'http1' | 'http2' | 'raw'

/** What a connection's first bytes are, or undefined where they could still become one or the other. */
export function spokenBy(bytes: Buffer): Spoken | undefined {
  const http2 = looksLikeHttp2(bytes)
  if (http2 === true) return 'http2'
  const http1 = looksLikeHttp1(bytes)
  if (http1 === true) return 'http1'
  return http1 === false && http2 === false ? 'raw' : undefined
}

/** The same on a port that is declared to speak HTTP: the preface, or HTTP/1.1, which says what is wrong. */
function spokenHttp(bytes: Buffer): Spoken | undefined {
  const http2 = looksLikeHttp2(bytes)
  return http2 === undefined ? undefined : http2 ? 'http2' : 'http1'
}

/** Where no more is waited for, a request line or a preface counts by its beginning. */
function spokenAtLast(bytes: Buffer, declared: boolean): Spoken {
  if (bytes.length >= MIN_PREFACE && looksLikeHttp2(bytes) !== false) return 'http2'
  return declared || BEGINNING.test(bytes.toString('latin1', 0, MAX_LINE)) ? 'http1' : 'raw'
}
/** `PRI * H`: no request line begins so. */
const MIN_PREFACE = 7

/** What is known of a connection of which it is not known what it speaks. */
export interface Known {
  /** Its port is declared to speak HTTP. */
  readonly declared: boolean
  /** What the client has sent so far. */
  readonly bytes: Buffer
  /** The client sends nothing more: it has ended its direction, or stopped in the middle of its first line. */
  readonly last: boolean
  /** What the app has sent so far, on the connection that was opened for it. */
  readonly heard: Buffer
  /** The app has ended its direction. */
  readonly appEnded: boolean
}

/**
 * What a connection speaks, or undefined while that is open. The client's first bytes decide, whenever they arrive.
 * Only an app that speaks first makes a connection raw without them. Servers of HTTP/2 send SETTINGS at once, which
 * decides nothing.
 */
export function verdict({ declared, bytes, last, heard, appEnded }: Known): Spoken | undefined {
  if (appEnded || (heard.length > 0 && looksLikeSettings(heard) === false)) return 'raw'
  const spoken = declared ? spokenHttp(bytes) : spokenBy(bytes)
  return spoken === undefined && last ? spokenAtLast(bytes, declared) : spoken
}
