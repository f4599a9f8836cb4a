import type { ResponseWaits } from '../proxy/decision.ts'
import type { Http2Limits } from './limits.ts'

/** What a stream waits for. */
export interface Waiting {
  readonly grpc: boolean
  /** The response has begun. */
  readonly responding: boolean
  /** The response is complete. */
  readonly responded: boolean
  /** An upstream takes the request. */
  readonly taken: boolean
  readonly requestDone: boolean
  /** The upstream does not read. */
  readonly blocked: boolean
  /** The client does not read. */
  readonly held: boolean
  /** The client has not read for {@link Http2Limits.heldMs}. */
  readonly stalled: boolean
}

/**
 * Returns how long the side that acts next may take, in milliseconds. `waits` are the candidate's. gRPC calls have
 * their own deadlines, and may be silent for long.
 */
export function streamTimeoutMs(waiting: Waiting, limits: Http2Limits, waits: ResponseWaits): number {
  const { grpc, responding, responded, taken, requestDone, blocked } = waiting
  if (responded && requestDone) return waits.responseProgressMs
  if (responded && !taken) return limits.lingerMs
  if (responded) return blocked ? waits.upstreamResponseMs : limits.requestProgressMs
  if (waiting.held) return stalledTimeoutMs(waiting.stalled, limits.heldMs, waits.responseProgressMs)
  if (grpc) return limits.callIdleMs
  if (responding) return waits.responseProgressMs
  return requestDone || blocked ? waits.upstreamResponseMs : limits.requestProgressMs
}

/** Has two parts: until the upstream connection is replaced, and until the stream ends. */
function stalledTimeoutMs(stalled: boolean, heldMs: number, responseProgressMs: number): number {
  if (heldMs >= responseProgressMs) return responseProgressMs
  return stalled ? responseProgressMs - heldMs : heldMs
}
