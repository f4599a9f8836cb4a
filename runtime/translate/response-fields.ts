import { BODY, isForOneHop, KIND, STRIDE } from '../http1/message/fields.ts'
import type { ResponseHead } from '../http1/message/head.ts'
import type { FieldList } from '../http2/index.ts'

/** Returns the fields of a response of HTTP/1.1 for HTTP/2: in lower case, without those for one hop and its framing. */
export function translateFields(head: ResponseHead): FieldList {
  const { text, at, status } = head
  const unframed = status < 200 || status === 204 || head.body === BODY.chunked || head.body === BODY.close
  const list: FieldList = []
  for (let i = 0; i < at.length; i += STRIDE) {
    const kind = at[i + 4] as number
    if (isForOneHop(kind) || kind === KIND.transferEncoding || kind === KIND.upgrade) continue
    if (kind === KIND.contentLength && unframed) continue
    list.push(text.slice(at[i], at[i + 1]).toLowerCase(), text.slice(at[i + 2], at[i + 3]))
  }
  return list
}

/** Returns the trailers of a chunked body, from their lines. */
export function translateTrailers(lines: string): FieldList {
  const list: FieldList = []
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) list.push(line.slice(0, colon).trimEnd().toLowerCase(), line.slice(colon + 1).trim())
  }
  return list
}
