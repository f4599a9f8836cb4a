import type { Candidate, Decision, Forward, Reply } from '../../proxy/decision.ts'
import type { HttpError } from '../../proxy/errors.ts'
import type { EndpointUpstream } from '../route/balance.ts'
import type { RouteReason } from '../route/decide.ts'
import type { FoundKey, ForeignId } from '../route/key.ts'
import type { HopSpan } from '../telemetry/tracing.ts'

/** What a decision was about: for metrics, logs, traces, and the answer to a request that failed. */
export interface About {
  readonly service: string
  /** The environment of this sidecar. */
  readonly own: string
  /** The environment that should serve. */
  readonly environment: string
  readonly reason: RouteReason
  readonly found: FoundKey | ForeignId | undefined
  readonly asked: Asked
}

/** What one request has, however often it is decided anew. */
export interface Asked {
  readonly traceId: string | undefined
  /** Where its hops are to be reported: this one's id and its parent's, and since when (milliseconds since 1970). */
  readonly explained:
    | { readonly id: string; readonly parent: string | undefined; readonly sinceMs: number }
    | undefined
  readonly span: HopSpan | undefined
}

/** A candidate, with the environment that it stands for, which is its version. */
export interface RoutedCandidate extends Candidate {
  readonly environment: string
  readonly version: string
  /** Undefined: the app of this pod. */
  readonly endpoint: EndpointUpstream | undefined
  /** Whether this is whom the key means, not a fallback. */
  readonly meant: boolean
}

export interface RoutedForward extends Forward {
  readonly about: About
  readonly candidates: readonly RoutedCandidate[]
  /** The endpoint that counts this request among its own, until it is over. */
  load: EndpointUpstream | undefined
}
export interface RoutedReply extends Reply {
  readonly about: About
}

export const isRouted = (decision: Decision | undefined): decision is RoutedForward | RoutedReply =>
  decision !== undefined && 'about' in decision

/** A way to serve a request; its first endpoint counts it until {@link unload}. */
export function forward(
  about: About,
  candidates: readonly RoutedCandidate[],
  otherwise?: (error: HttpError) => ReturnType<NonNullable<Forward['otherwise']>>,
): RoutedForward {
  const load = candidates[0]?.endpoint
  if (load !== undefined) load.outstanding++
  const decision: RoutedForward = { candidates, about, load }
  if (otherwise === undefined) return decision
  const then = (error: HttpError): ReturnType<typeof otherwise> => {
    unload(decision)
    for (const { endpoint } of candidates) endpoint?.failed(howOf(error))
    return otherwise(error)
  }
  return Object.assign(decision, { otherwise: then })
}

/** Takes the request off its endpoint's count. */
export function unload(decision: RoutedForward): void {
  if (decision.load === undefined) return
  decision.load.outstanding--
  decision.load = undefined
}

/** How an endpoint failed, where it is known that it did. */
export const howOf = (error: HttpError): 'unreachable' | 'closed' =>
  error.code === 'BL_HTTP_UPSTREAM_UNREACHABLE' ? 'unreachable' : 'closed'
