import { Http2Engine, type Http2Limits } from '../../http2/index.ts'
import type { SidecarContext } from './context.ts'
import { httpRouting } from './routing.ts'

/**
 * Creates the HTTP/2 engine of all listeners, which also serves gRPC. It routes each stream separately. Pass it
 * connections with `serve(transport, { context })`, where `context` is an `EntryPort`.
 */
export function http2Engine(
  context: SidecarContext,
  limits: Partial<Http2Limits> = {},
  via?: string,
): Http2Engine {
  return new Http2Engine({
    ...httpRouting(context),
    refusesTrailer: context.entry?.refusesTrailer,
    limits,
    via,
  })
}
