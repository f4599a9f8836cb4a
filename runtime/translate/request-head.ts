import { parseRequestHead, type RequestHead } from '../http1/message/head.ts'
import { STRIDE } from '../http1/message/fields.ts'
import type { StreamHead } from '../http2/index.ts'
import { badRequest, type HttpError } from '../proxy/errors.ts'

/** Fields that one hop has, or that are written from the stream's pseudo fields and framing. */
const OWN = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
  'cookie',
  'content-length',
])
/** Methods whose requests have a meaning for their body, so that they name its length even if it is 0 (RFC 9110, 8.6). */
const WITH_LENGTH = new Set(['POST', 'PUT', 'PATCH'])

/**
 * Returns the head of a stream's request as one of HTTP/1.1 (RFC 9113, 8.3.1). The HTTP/1.1 engine's own parser reads
 * what was written, so that nothing in a field or in the path can become a second field or request. Throws an HttpError
 * of 400 or 431 for a head that HTTP/1.1 cannot carry.
 */
export function translateHead(
  head: StreamHead,
  endStream: boolean,
  limits: { readonly headerCount: number },
): RequestHead {
  const { method, target, host, list } = head
  let text = `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\n`
  let count = 1
  let cookie: string | undefined
  let length: string | undefined
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    if (name === 'cookie') cookie = cookie === undefined ? value : `${cookie}; ${value}`
    else if (name === 'content-length') length = length === undefined ? value : `${length}, ${value}`
    else if (name === 'te' && value === 'trailers') {
      text += 'connection: te\r\nte: trailers\r\n'
      count += 2
    } else if (name.charCodeAt(0) !== 0x3a && !OWN.has(name)) {
      if (name.includes(':')) throw unlike()
      text += `${name}: ${value}\r\n`
      count++
    }
  }
  // Browsers may send one field per cookie (RFC 9113, 8.2.3).
  if (cookie !== undefined) {
    text += `cookie: ${cookie}\r\n`
    count++
  }
  const framing = framingOf(method, length, endStream)
  if (framing !== '') count++
  const translated = parseRequestHead(`${text}${framing}\r\n`, { headerCount: limits.headerCount + 4 })
  const same = translated.at.length === count * STRIDE && translated.target === target && !translated.absolute
  if (!same) throw unlike()
  return translated
}

const unlike = (): HttpError => badRequest('the head contains what HTTP/1.1 would read as something else')

function framingOf(method: string, length: string | undefined, endStream: boolean): string {
  if (!endStream)
    return length === undefined ? 'transfer-encoding: chunked\r\n' : `content-length: ${length}\r\n`
  if (length !== undefined && !/^0+$/.test(length))
    throw badRequest('Content-Length: larger than the body, which is empty')
  return length !== undefined || WITH_LENGTH.has(method) ? 'content-length: 0\r\n' : ''
}
