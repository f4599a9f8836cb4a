import { Http2Engine, type Http2Limits } from '../../http2/index.ts'
import type { Surroundings } from './arrival.ts'
import { httpRouting } from './routing.ts'

/**
 * The engine for HTTP/2, and so gRPC, of all listeners: each stream is routed on its own. Hand it connections
 * by `serve(transport, { context: arrival })` with an `Arrival`.
 */
export function http2Engine(
  around: Surroundings,
  limits: Partial<Http2Limits> = {},
  via?: string,
): Http2Engine {
  return new Http2Engine({ ...httpRouting(around), limits, via })
}
