import type { Http2Limits } from './limits.ts'

/** What a stream waits for. */
export interface Waiting {
  readonly grpc: boolean
  /** The response has begun. */
  readonly responding: boolean
  readonly requestDone: boolean
  /** The upstream does not read on. */
  readonly blocked: boolean
  /** The client does not read on. */
  readonly held: boolean
}

/** How long the side whose turn it is may take. Whoever calls has deadlines of gRPC's, and may say nothing for long. */
export function patienceMs(
  { grpc, responding, requestDone, blocked, held }: Waiting,
  limits: Http2Limits,
): number {
  if (held) return limits.responseProgressMs
  if (grpc) return limits.callIdleMs
  if (responding) return limits.responseProgressMs
  return requestDone || blocked ? limits.upstreamResponseMs : limits.requestProgressMs
}
