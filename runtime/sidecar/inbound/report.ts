import type { Candidate, ExchangeReport, FailureReply } from '../../proxy/decision.ts'
import type { HttpError, HttpErrorCode } from '../../proxy/errors.ts'
import type { EndpointUpstream } from '../route/balance.ts'
import { unavailable, type UnavailableReason } from '../route/problem.ts'
import type { Surroundings } from './arrival.ts'
import { type About, howOf, isRouted, type RoutedCandidate, type RoutedForward, unload } from './routed.ts'
import { pathOf } from './trace.ts'

const REASONS: Partial<Record<HttpErrorCode, UnavailableReason>> = {
  BL_HTTP_UPSTREAM_UNREACHABLE: 'unreachable',
  BL_HTTP_UPSTREAM_CLOSED: 'closed',
  BL_HTTP_UPSTREAM_TIMEOUT: 'timeout',
  BL_HTTP_BAD_RESPONSE: 'bad-response',
  BL_HTTP_RESPONSE_TOO_LARGE: 'too-large',
}

/** The answer where nobody answered: who should have, why nobody did, and since when. */
export function failureOf({ outages }: Surroundings): FailureReply {
  return (error, { head, decision, reached }) => {
    const reason = REASONS[error.code]
    if (reason === undefined || !isRouted(decision)) return undefined
    const { about } = decision
    outages.failed(about)
    const { service } = about
    const { environment } = receiverOf(reached) ?? about
    const since = outages.since(about)
    const cause = reason === 'unreachable' || reason === 'closed' ? undefined : causeOf(error)
    return unavailable(
      { status: error.status, environment, service, reason, cause, since },
      head.get('accept'),
    )
  }
}

/** What the parser said, where it was the parser. */
const causeOf = ({ cause, message }: HttpError): string => (cause instanceof Error ? cause.message : message)

const receiverOf = (reached: Candidate | undefined): RoutedCandidate | undefined =>
  reached !== undefined && 'environment' in reached ? (reached as RoutedCandidate) : undefined

/** Learns from a request that is over, and tells of it. */
export function record(around: Surroundings, exchange: ExchangeReport): void {
  const { decision, status, head, ms, error } = exchange
  if (around.holds.size > 0) around.holds.release(head)
  if (!isRouted(decision)) {
    const reason = decision === undefined ? 'refused' : 'no-table'
    around.metrics.request({ environment: '', service: '', reason }, status, ms / 1000)
    if (error !== undefined && around.accessLog.wants(true)) logRefused(around, exchange, reason)
    return
  }
  const { about } = decision
  const served = 'candidates' in decision ? learn(around, exchange, decision) : undefined
  const environment = served?.environment ?? about.environment
  around.metrics.request({ environment, service: about.service, reason: about.reason }, status, ms / 1000)
  const failed = status === 0 || status >= 500 || error !== undefined
  if (around.accessLog.wants(failed)) log(around, exchange, about, served)
  if (about.asked.span !== undefined || about.asked.explained !== undefined)
    tell(around, exchange, about, served)
}

/** What a request has taught of those who were asked; returns who answered, or was asked last. */
function learn(
  { outages, metrics }: Surroundings,
  { candidate, error, status, reached }: ExchangeReport,
  decision: RoutedForward,
): RoutedCandidate | undefined {
  const { candidates, about } = decision
  unload(decision)
  const served = candidates[candidate] ?? receiverOf(reached)
  const reason = error && REASONS[error.code]
  for (let index = 0; index < candidate; index++) candidates[index]?.endpoint?.failed('unreachable')
  if (served?.endpoint !== undefined) judge(served.endpoint, error, status)
  const fellBack = served !== undefined && !served.meant
  if (candidate > 0 || fellBack) metrics.fallback()
  const failure = served === undefined ? 'no-endpoint' : fellBack ? 'unreachable' : reason
  if (failure !== undefined) {
    metrics.upstreamFailure(about.environment, about.service, failure)
    outages.failed(about)
  } else if (!outages.none && status > 0) outages.answered(about)
  return served
}

/** An answer is one, whatever its status; a client that left says nothing of the endpoint. */
function judge(endpoint: EndpointUpstream, error: HttpError | undefined, status: number): void {
  const reason = error && REASONS[error.code]
  if (error !== undefined && (reason === 'unreachable' || reason === 'closed')) endpoint.failed(howOf(error))
  else if (error === undefined && status > 0) endpoint.succeeded()
}

function log(
  { accessLog }: Surroundings,
  { head, status, ms, error }: ExchangeReport,
  about: About,
  served: RoutedCandidate | undefined,
): void {
  accessLog.add({
    status,
    method: head.method,
    path: pathOf(head.target),
    ms: Math.round(ms * 1000) / 1000,
    service: about.service,
    environment: served?.environment ?? about.environment,
    endpoint: served?.upstream.key,
    reason: about.reason,
    key: about.found?.key,
    traceId: about.asked.traceId,
    error: error?.code,
    detail: error?.message,
  })
}

/** A request that could not be read, or not be routed. */
function logRefused(
  { accessLog }: Surroundings,
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

function tell(
  { explain }: Surroundings,
  { decision, candidate, status, ms, error }: ExchangeReport,
  about: About,
  served: RoutedCandidate | undefined,
): void {
  const { service, own, environment, reason, found, asked } = about
  asked.span?.end({
    service,
    own,
    environment: served?.environment ?? environment,
    reason,
    key: found?.key,
    endpoint: served?.upstream.key,
    status,
    error: error?.code,
  })
  if (asked.explained === undefined || asked.traceId === undefined) return
  const { id, parent, sinceMs: startMs } = asked.explained
  const tried = isRouted(decision) && 'candidates' in decision ? decision.candidates : []
  explain?.report(asked.traceId, {
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
