import { IGNORE, type Transport } from '../../http/index.ts'
import { looksLikeHttp2 } from '../../http2/index.ts'
import type { Read } from './tcp.ts'

/** How long an undeclared port waits for a client's first words, in milliseconds. */
export const SNIFF_TIMEOUT_MS = 50
/** The most octets of a request line for which it waits: a longer one is judged by its beginning. */
const MAX_LINE = 4096

const BEGINNING = /^[A-Z][A-Z-]{0,23} (?:\/|\*|https?:\/\/)/
const WHOLE = / HTTP\/1\.[01]\r?$/

/**
 * Whether a connection's first octets are a request line of HTTP/1 (RFC 9112, 3), are not, or could still
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

/** What a connection's first octets are, or undefined where they could still become one or the other. */
export function spokenBy(bytes: Buffer): Spoken | undefined {
  const http2 = looksLikeHttp2(bytes)
  if (http2 === true) return 'http2'
  const http1 = looksLikeHttp1(bytes)
  if (http1 === true) return 'http1'
  return http1 === false && http2 === false ? 'raw' : undefined
}

/** The same where no more is waited for: a request line or a preface counts by its beginning. */
function spokenAtLast(bytes: Buffer): Spoken {
  if (bytes.length >= MIN_PREFACE && looksLikeHttp2(bytes) !== false) return 'http2'
  return BEGINNING.test(bytes.toString('latin1', 0, MAX_LINE)) ? 'http1' : 'raw'
}
/** `PRI * H`: no request line begins so. */
const MIN_PREFACE = 7

/** What a sniffed connection turned out to speak. */
export interface Sniffed extends Read {
  readonly spoken: Spoken
}

/**
 * Waits for a client's first octets, at most {@link SNIFF_TIMEOUT_MS}, and tells what they look like. A client
 * that says nothing waits for the server's greeting, so silence is not HTTP; a request line or preface that is
 * not whole by then counts by its beginning. Calls back once, with the transport free for another receiver; not
 * at all where the client has left.
 */
export function sniff(
  client: Transport,
  done: (sniffed: Sniffed) => void,
  timeoutMs = SNIFF_TIMEOUT_MS,
): void {
  let bytes = Buffer.alloc(0)
  const timer = setTimeout(() => finish(spokenAtLast(bytes), false), timeoutMs)
  const finish = (spoken: Spoken, ended: boolean): void => {
    clearTimeout(timer)
    client.receiver = IGNORE
    done({ spoken, bytes, ended })
  }
  client.receiver = {
    ...IGNORE,
    onData: (data) => {
      bytes = Buffer.concat([bytes, data])
      const spoken = spokenBy(bytes)
      if (spoken !== undefined) finish(spoken, false)
    },
    onEnd: () => finish(spokenAtLast(bytes), true),
    onClose: () => clearTimeout(timer),
  }
}
