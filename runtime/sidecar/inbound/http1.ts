import { HttpEngine, type Limits } from '../../http1/index.ts'
import type { Surroundings } from './arrival.ts'
import { httpRouting } from './routing.ts'

/**
 * The engine for HTTP/1.1 of all listeners. Hand it connections by `serve(transport, { context: arrival })`
 * with an `Arrival`.
 */
export function http1Engine(around: Surroundings, limits: Partial<Limits> = {}, via?: string): HttpEngine {
  return new HttpEngine({ ...httpRouting(around), limits, via })
}
