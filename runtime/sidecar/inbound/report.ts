import type { Candidate, ExchangeReport, FailureReply } from '../../proxy/decision.ts'
import type { HttpError, HttpErrorCode } from '../../proxy/errors.ts'
import type { EndpointUpstream } from '../route/balance.ts'
import { unavailable, type UnavailableReason } from '../route/problem.ts'
import { troubleIn } from '../route/trouble.ts'
import type { EntryPort, SidecarContext } from './context.ts'
import { endCount } from './counts.ts'
import {
  type RouteContext,
  failureKind,
  isRouted,
  type RoutedCandidate,
  type RoutedForward,
  unload,
} from './routed.ts'
import { pathOf } from './trace.ts'

const REASONS: Partial<Record<HttpErrorCode, UnavailableReason>> = {
  BL_HTTP_UPSTREAM_UNREACHABLE: 'unreachable',
  BL_HTTP_UPSTREAM_CLOSED: 'closed',
  BL_HTTP_UPSTREAM_UNPROCESSED: 'unprocessed',
  BL_HTTP_UPSTREAM_TIMEOUT: 'timeout',
  BL_HTTP_BAD_RESPONSE: 'bad-response',
  BL_HTTP_RESPONSE_TOO_LARGE: 'too-large',
}

/** The response to a request that failed: it names the environment and service, the reason, and the start of the outage. */
export function failureOf({ outages, routes }: SidecarContext): FailureReply {
  return (error, { head, client, decision, reached }) => {
    const reason = REASONS[error.code]
    if (reason === undefined || !isRouted(decision)) return undefined
    const { route } = decision
    outages.failed(route)
    const { service } = route
    const { environment } = receiverOf(reached) ?? route
    const since = outages.since(route)
    const cause = isUnanswered(reason)
      ? troubleIn(routes(), client.context as EntryPort, environment)
      : causeOf(error)
    return unavailable(
      { status: error.status, environment, service, reason, cause, since },
      head.get('accept'),
    )
  }
}

/** Whether the endpoint sent no part of a response. Then only the manager may know the cause. */
const isUnanswered = (reason: UnavailableReason | undefined): boolean =>
  reason === 'unreachable' || reason === 'closed' || reason === 'unprocessed'

/** The message of the parser if the response could not be parsed, otherwise that of the error. */
const causeOf = ({ cause, message }: HttpError): string => (cause instanceof Error ? cause.message : message)

const receiverOf = (reached: Candidate | undefined): RoutedCandidate | undefined =>
  reached !== undefined && 'environment' in reached ? (reached as RoutedCandidate) : undefined

/** Records a finished request: in endpoint health, outages, metrics, logs, spans and hops. */
export function record(context: SidecarContext, exchange: ExchangeReport): void {
  const { decision, status, head, ms, error } = exchange
  if (context.holds.size > 0) context.holds.release(head)
  if (!isRouted(decision)) {
    const reason = decision === undefined ? 'refused' : 'no-table'
    context.metrics.request({ environment: '', service: '', reason }, status, ms / 1000)
    if (error !== undefined && context.accessLog.wants(true)) logRefused(context, exchange, reason)
    return
  }
  const { route } = decision
  const { service, request } = route
  endCount(context, route, ms)
  const served = 'candidates' in decision ? learn(context, exchange, decision) : undefined
  const environment = served?.environment ?? route.environment
  context.metrics.request({ environment, service, reason: route.reason }, status, ms / 1000)
  const failed = status === 0 || status >= 500 || error !== undefined
  if (context.accessLog.wants(failed)) log(context, exchange, route, served)
  if (request.span !== undefined || request.explained !== undefined)
    reportHop(context, exchange, route, served)
}

/** Updates the health of the tried endpoints. Returns the candidate that responded, or was tried last. */
function learn(
  { outages, metrics }: SidecarContext,
  { candidate, error, status, reached }: ExchangeReport,
  decision: RoutedForward,
): RoutedCandidate | undefined {
  const { candidates, route } = decision
  unload(decision)
  const served = candidates[candidate] ?? receiverOf(reached)
  const reason = error && REASONS[error.code]
  for (let index = 0; index < candidate; index++) candidates[index]?.endpoint?.failed('unreachable')
  if (served?.endpoint !== undefined) judge(served.endpoint, error, status)
  const fellBack = served !== undefined && !served.intended
  if (candidate > 0 || fellBack) metrics.fallback()
  const failure = served === undefined ? 'no-endpoint' : fellBack ? 'unreachable' : reason
  if (failure !== undefined) {
    metrics.upstreamFailure(route.environment, route.service, failure)
    outages.failed(route)
  } else if (!outages.none && status > 0) outages.responded(route)
  return served
}

/** Any response counts as success, whatever its status. A client that left says nothing about the endpoint. */
function judge(endpoint: EndpointUpstream, error: HttpError | undefined, status: number): void {
  const reason = error && REASONS[error.code]
  if (error !== undefined && isUnanswered(reason)) endpoint.failed(failureKind(error))
  else if (error === undefined && status > 0) endpoint.succeeded()
}

function log(
  { accessLog }: SidecarContext,
  { head, status, ms, error }: ExchangeReport,
  route: RouteContext,
  served: RoutedCandidate | undefined,
): void {
  accessLog.add({
    status,
    method: head.method,
    path: pathOf(head.target),
    ms: Math.round(ms * 1000) / 1000,
    service: route.service,
    environment: served?.environment ?? route.environment,
    endpoint: served?.upstream.key,
    reason: route.reason,
    key: route.found?.key,
    traceId: route.request.traceId,
    error: error?.code,
    detail: error?.message,
  })
}

/** Logs a request that could not be parsed or routed. */
function logRefused(
  { accessLog }: SidecarContext,
  { head, status, ms, error }: ExchangeReport,
  reason: string,
): void {
  accessLog.add({
    status,
    method: head.method,
    path: pathOf(head.target),
    ms: Math.round(ms * 1000) / 1000,
    service: '',
    environment: '',
    endpoint: undefined,
    reason,
    key: undefined,
    traceId: undefined,
    error: error?.code,
    detail: error?.message,
  })
}

function reportHop(
  { explain }: SidecarContext,
  { decision, candidate, status, ms, error }: ExchangeReport,
  route: RouteContext,
  served: RoutedCandidate | undefined,
): void {
  const { service, own, environment, reason, found, request } = route
  request.span?.end({
    service,
    own,
    environment: served?.environment ?? environment,
    reason,
    key: found?.key,
    endpoint: served?.upstream.key,
    status,
    error: error?.code,
  })
  if (request.explained === undefined || request.traceId === undefined) return
  const { id, parent, sinceMs: startMs } = request.explained
  const tried = isRouted(decision) && 'candidates' in decision ? decision.candidates : []
  explain?.report(request.traceId, {
    id,
    ...(parent !== undefined && { parent }),
    service,
    at: own,
    environment: served?.environment ?? environment,
    reason,
    ...(found?.key !== undefined && { key: found.key, source: found.source }),
    endpoints: tried.slice(0, candidate + 1).map(({ upstream }) => upstream.key),
    status,
    startMs,
    ms,
  })
}
