import type { OutgoingHttpHeaders } from 'node:http2'
import { FORBIDDEN_TRAILERS } from '../http1/message/body.ts'

/** Returns the end of a chunked body with these trailers, without those that could reframe or redirect the request. */
export function writeLastChunk(fields: OutgoingHttpHeaders): string {
  let text = '0\r\n'
  for (const [name, value] of Object.entries(fields)) {
    if (FORBIDDEN_TRAILERS.has(name) || !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) continue
    for (const one of [value ?? []].flat()) {
      const sent = String(one)
      if (/^[\t\x20-\x7e\x80-\xff]*$/.test(sent)) text += `${name}: ${sent}\r\n`
    }
  }
  return `${text}\r\n`
}
