import { HttpEngine, type Limits } from '../../http1/index.ts'
import type { SidecarContext } from './context.ts'
import { httpRouting } from './routing.ts'

/**
 * Creates the HTTP/1.1 engine of all listeners. Pass it connections with `serve(transport, { context })`, where
 * `context` is an `EntryPort`.
 */
export function http1Engine(context: SidecarContext, limits: Partial<Limits> = {}, via?: string): HttpEngine {
  return new HttpEngine({
    ...httpRouting(context),
    refusesTrailer: context.entry?.refusesTrailer,
    limits,
    via,
  })
}
