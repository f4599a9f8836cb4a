import type { Reply } from '../proxy/decision.ts'
import { plainReply } from '../proxy/reply.ts'
import { checkField } from '../proxy/grammar.ts'
import type { Head } from '../proxy/head.ts'
import { latin1 } from '../transport/node-private.ts'

// Not an `import`, which reads every export of the module, including those that load undici: 11 MB of memory.
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/**
 * Returns a response of our own, head and body, with one character per byte. `request` is undefined if it could not be
 * read. Throws a RangeError for an invalid header.
 */
export function writeReply(reply: Reply, request: Head | undefined, close: boolean): string {
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body
  const bodiless = reply.status === 204 || reply.status === 304
  let text = `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? 'Unknown'}\r\n`
  for (const [name, value] of reply.headers ?? []) {
    checkField(name, value)
    text += `${name}: ${value}\r\n`
  }
  text += `date: ${new Date().toUTCString()}\r\n`
  if (!bodiless) text += `content-length: ${body?.length ?? 0}\r\n`
  if (close) text += 'connection: close\r\n'
  else if (request?.version === 10) text += 'connection: keep-alive\r\n'
  text += '\r\n'
  if (body === undefined || bodiless || request?.method === 'HEAD') return text
  return text + latin1(body, 0, body.length)
}

/**
 * The response to a request that must not be forwarded (Max-Forwards: 0). A TRACE is not reflected, because that would
 * show a script in a page the cookies that it must not see.
 */
export const lastHop = (method: string): Reply =>
  method === 'OPTIONS' ? { status: 200 } : plainReply(501, `${method} is not supported here`)
