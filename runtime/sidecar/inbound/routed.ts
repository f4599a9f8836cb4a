import type { Candidate, Decision, Forward, Reply } from '../../proxy/decision.ts'
import type { HttpError } from '../../proxy/errors.ts'
import type { EndpointUpstream } from '../route/balance.ts'
import type { RouteReason } from '../route/decide.ts'
import type { FoundKey, ForeignId } from '../route/key.ts'
import type { HopSpan } from '../telemetry/tracing.ts'

/** The context of a routing decision, for metrics, logs, traces, and the response to a failed request. */
export interface RouteContext {
  readonly service: string
  /** The environment of this sidecar. */
  readonly own: string
  /** The environment that should serve. */
  readonly environment: string
  readonly reason: RouteReason
  readonly found: FoundKey | ForeignId | undefined
  readonly request: RequestContext
}

/** The part of the context that stays the same when a request is routed again. */
export interface RequestContext {
  readonly traceId: string | undefined
  /** Set if its hops are reported: this hop's id, its parent's id, and its start (milliseconds since 1970). */
  readonly explained:
    | { readonly id: string; readonly parent: string | undefined; readonly sinceMs: number }
    | undefined
  readonly span: HopSpan | undefined
  /** The caller's address, if its requests are counted: no other sidecar sent it, and its key is certain. */
  readonly from: string | undefined
  /** Set while the app of this pod serves the request (Recorder.begin). */
  readonly begun: number | undefined
}

/** A candidate, with its environment, which is its version. */
export interface RoutedCandidate extends Candidate {
  readonly environment: string
  readonly version: string
  /** Undefined: the app of this pod. */
  readonly endpoint: EndpointUpstream | undefined
  /** Whether the key means this candidate, so that it is not a fallback. */
  readonly intended: boolean
}

export interface RoutedForward extends Forward {
  readonly route: RouteContext
  readonly candidates: readonly RoutedCandidate[]
  /** The endpoint that counts this request as outstanding until it has finished. */
  load: EndpointUpstream | undefined
}
export interface RoutedReply extends Reply {
  readonly route: RouteContext
}

export const isRouted = (decision: Decision | undefined): decision is RoutedForward | RoutedReply =>
  decision !== undefined && 'route' in decision

/** A decision to forward a request. Its first endpoint counts the request until {@link unload}. */
export function forward(
  route: RouteContext,
  candidates: readonly RoutedCandidate[],
  otherwise?: (error: HttpError) => ReturnType<NonNullable<Forward['otherwise']>>,
): RoutedForward {
  const load = candidates[0]?.endpoint
  if (load !== undefined) load.outstanding++
  const decision: RoutedForward = { candidates, route, load }
  if (otherwise === undefined) return decision
  const then = (error: HttpError): ReturnType<typeof otherwise> => {
    unload(decision)
    for (const { endpoint } of candidates) endpoint?.failed(failureKind(error))
    return otherwise(error)
  }
  return Object.assign(decision, { otherwise: then })
}

/** Ends the count of the request at its endpoint. */
export function unload(decision: RoutedForward): void {
  if (decision.load === undefined) return
  decision.load.outstanding--
  decision.load = undefined
}

/** How an endpoint failed. */
export const failureKind = (error: HttpError): 'unreachable' | 'closed' =>
  error.code === 'BL_HTTP_UPSTREAM_UNREACHABLE' ? 'unreachable' : 'closed'
