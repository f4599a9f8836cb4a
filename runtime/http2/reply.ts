import type { ServerHttp2Stream } from 'node:http2'
import type { Reply } from '../proxy/decision.ts'
import type { FieldList, StreamHead } from './head.ts'

/** gRPC status codes that a hop sends of its own accord. */
const GRPC_STATUS = { unknown: 2, resourceExhausted: 8, internal: 13, unavailable: 14 } as const

/** Returns the gRPC status for an HTTP status, as gRPC maps it (doc/http-grpc-status-mapping.md). */
export function grpcStatusOf(status: number): number {
  if (status === 429 || status === 502 || status === 503 || status === 504) return GRPC_STATUS.unavailable
  if (status === 400) return GRPC_STATUS.internal
  if (status === 401) return 16
  if (status === 403) return 7
  if (status === 404) return 12
  if (status === 431) return GRPC_STATUS.resourceExhausted
  return GRPC_STATUS.unknown
}

/** Encodes a sentence for grpc-message: percent-encoded (gRPC over HTTP/2, Responses), at most 1 KiB. */
const grpcMessage = (text: string): string =>
  text
    .trim()
    .slice(0, 1024)
    .toWellFormed()
    .replaceAll(/[^\x20-\x24\x26-\x7e]+/g, (part) => encodeURIComponent(part))

/** Returns the trailers that end a gRPC call whose response has begun. */
export const grpcTrailers = (status: number, message: string): Record<string, string> => ({
  'grpc-status': String(status),
  'grpc-message': grpcMessage(message),
})

/**
 * Sends a reply of our own. A gRPC call gets a response of trailers only, whose grpc-message is the reply's text.
 * Returns the size of the body in bytes.
 */
export function sendReply(stream: ServerHttp2Stream, reply: Reply, head: StreamHead): number {
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body
  if (head.grpc) {
    const list: FieldList = [':status', '200', 'content-type', 'application/grpc']
    const message = body === undefined ? `HTTP ${reply.status}` : body.toString()
    list.push('grpc-status', String(grpcStatusOf(reply.status)), 'grpc-message', grpcMessage(message))
    stream.respond(list, { endStream: true })
    return 0
  }
  const list: FieldList = [':status', String(reply.status)]
  for (const [name, value] of reply.headers ?? []) list.push(name.toLowerCase(), value)
  const bodiless = reply.status === 204 || reply.status === 304
  if (!bodiless) list.push('content-length', String(body?.length ?? 0))
  const endStream = bodiless || body === undefined || body.length === 0 || head.method === 'HEAD'
  stream.respond(list, { endStream })
  if (endStream) return 0
  stream.end(body)
  return body.length
}
