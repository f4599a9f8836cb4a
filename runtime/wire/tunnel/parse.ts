import { Json } from '../json.ts'
import { isKey } from '../key.ts'
import { TunnelProtocolError } from './error.ts'

/** Longest URL, in characters. */
const MAX_URL = 1024
/** Control characters, line separators, and marks that change the direction of text. */
// oxlint-disable-next-line no-control-regex -- the pattern is for these characters
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Parses JSON in UTF-8, which `what` names in errors. Throws a {@link TunnelProtocolError}. */
export function parse<T>(what: string, payload: Uint8Array, read: (from: Json) => T): T {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(payload))
  } catch {
    throw new TunnelProtocolError('protocol', `${what} is not JSON in UTF-8`)
  }
  const fault = (path: string, wanted: string): TunnelProtocolError =>
    new TunnelProtocolError('protocol', `${what}: ${path === '' ? '' : `${path}: `}wanted ${wanted}`)
  return read(new Json(json, fault))
}

export const label = (from: Json): string =>
  from.check((value): value is string => typeof value === 'string' && isKey(value), 'a DNS label')

export const port = (from: Json): number => from.number(1, 65_535)

/** A text that may be shown on a terminal. */
export const printable =
  (most: number) =>
  (from: Json): string =>
    from.check(
      (value): value is string =>
        typeof value === 'string' && value.length <= most && !UNPRINTABLE.test(value),
      `a text of at most ${most} characters, none of which controls a terminal`,
    )

/** A URL that people open: no other scheme, no user, and the host of this very label. */
export const urlOf =
  (host: string) =>
  (from: Json): string => {
    const text = printable(MAX_URL)(from)
    const url = URL.canParse(text) ? new URL(text) : undefined
    const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:'
    if (isWeb && url.username === '' && url.password === '' && url.hostname.startsWith(`${host}.`))
      return text
    throw from.fault(`an http:// or https:// URL with a host that begins with ${host}`)
  }

/** A URL at which a cluster connects: no other scheme, and no user. */
export function webSocketUrl(from: Json): string {
  const text = printable(MAX_URL)(from)
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isWebSocket = url?.protocol === 'ws:' || url?.protocol === 'wss:'
  if (isWebSocket && url.username === '' && url.password === '') return text
  throw from.fault('a ws:// or wss:// URL')
}
