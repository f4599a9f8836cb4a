import type { ResponseWaits } from '../proxy/decision.ts'
import type { Http2Limits } from './limits.ts'

/** What a stream waits for. */
export interface Waiting {
  readonly grpc: boolean
  /** The response has begun. */
  readonly responding: boolean
  /** The response is complete. */
  readonly answered: boolean
  /** An upstream takes the request. */
  readonly taken: boolean
  readonly requestDone: boolean
  /** The upstream does not read on. */
  readonly blocked: boolean
  /** The client does not read on. */
  readonly held: boolean
  /** It has not for {@link Http2Limits.heldMs}. */
  readonly stalled: boolean
}

/**
 * How long the side whose turn it is may take; `waits` are the candidate's. gRPC calls have deadlines of their own, and may say nothing for long.
 */
export function patienceMs(waiting: Waiting, limits: Http2Limits, waits: ResponseWaits): number {
  const { grpc, responding, answered, taken, requestDone, blocked } = waiting
  if (answered && requestDone) return waits.responseProgressMs
  if (answered && !taken) return limits.lingerMs
  if (answered) return blocked ? waits.upstreamResponseMs : limits.requestProgressMs
  if (waiting.held) return heldPatienceMs(waiting.stalled, limits.heldMs, waits.responseProgressMs)
  if (grpc) return limits.callIdleMs
  if (responding) return waits.responseProgressMs
  return requestDone || blocked ? waits.upstreamResponseMs : limits.requestProgressMs
}

/** In two parts: until the upstream's connection is replaced, and until the stream ends. */
function heldPatienceMs(stalled: boolean, heldMs: number, responseProgressMs: number): number {
  if (heldMs >= responseProgressMs) return responseProgressMs
  return stalled ? responseProgressMs - heldMs : heldMs
}
