import { ROUTED_HEADER } from '@branchline/wire/names'
import type {
  Candidate,
  Client,
  Decision as HttpDecision,
  EngineOptions,
  ExchangeReport,
  FailureReply,
  Forward,
  HeadEdits,
  HttpErrorCode,
  Reply,
  RequestHead,
} from '../../http/index.ts'
import { decide, type Decision, type RouteReason } from '../decide.ts'
import { propagate, readKey } from '../key.ts'
import { unavailable, type UnavailableReason } from '../problem.ts'
import type { Arrival, Surroundings } from './arrival.ts'

/** What a decision was about, for metrics and for the answer to a request that failed. */
interface Routed {
  readonly reason: RouteReason
  readonly environment: string
  readonly service: string
}
type RoutedForward = Forward & Routed
type RoutedReply = Reply & Routed

/**
 * How every HTTP engine of a sidecar routes, whatever its version: each request by its own key and the table
 * of the moment. The `context` of a client is an {@link Arrival}.
 */
export function httpRouting(
  around: Surroundings,
): Required<Pick<EngineOptions, 'route' | 'failure' | 'observer'>> {
  return {
    route: (head, client) => route(around, head, client),
    failure,
    observer: {
      connectionOpened: () => around.metrics.connections.http.inc(),
      connectionClosed: () => around.metrics.connections.http.dec(),
      exchangeDone: (exchange) => record(around, exchange),
    },
  }
}

function route(around: Surroundings, head: RequestHead, client: Client): RoutedForward | RoutedReply {
  const { inbound, app } = client.context as Arrival
  const routes = around.routes()
  const listener = routes?.listener(inbound.port)
  const callerKey = client.remoteAddress === undefined ? undefined : routes?.callerKey(client.remoteAddress)
  const found = readKey(head, { header: around.keyHeader, callerKey, numbers: listener })
  const routed = head.get(ROUTED_HEADER) !== undefined
  const decision = decide(listener, { key: found?.key, foreign: found?.source === 'id', routed })
  const about: Routed = {
    reason: decision.reason,
    environment: decision.wanted?.environment ?? (routes?.environment || 'unknown'),
    service: listener?.service ?? `port ${inbound.appPort}`,
  }
  const edits = { set: found && propagate(head, found), routed }
  const candidates = candidatesOf(around, decision, app, edits)
  if (candidates.length > 0) return { candidates, ...about }
  const problem = { status: 502, environment: about.environment, service: about.service } as const
  return { ...unavailable({ ...problem, reason: 'no-endpoint' }, head.get('accept')), ...about }
}

interface Edits {
  /** The fields by which a key travels on. */
  readonly set: ReadonlyArray<readonly [string, string]> | undefined
  /** Whether the request has the mark of a routed one, which no app is to see. */
  readonly routed: boolean
}

function candidatesOf(
  { balancer }: Surroundings,
  { steps }: Decision,
  app: Arrival['app'],
  edits: Edits,
): readonly Candidate[] {
  const candidates: Candidate[] = []
  for (const step of steps) {
    if (step.kind === 'local') candidates.push({ upstream: app, edits: localEdits(edits) })
    else {
      const set = step.routed ? [[ROUTED_HEADER, step.destination.environment] as const] : []
      const remote = { set: edits.set === undefined ? set : [...set, ...edits.set] }
      for (const upstream of balancer.pick(step.destination)) candidates.push({ upstream, edits: remote })
    }
  }
  return candidates
}

const NONE: HeadEdits = {}
const STRIP: HeadEdits = { remove: [ROUTED_HEADER] }

function localEdits({ set, routed }: Edits): HeadEdits {
  if (set === undefined) return routed ? STRIP : NONE
  return routed ? { ...STRIP, set } : { set }
}

const REASONS: Partial<Record<HttpErrorCode, UnavailableReason>> = {
  BL_HTTP_UPSTREAM_UNREACHABLE: 'unreachable',
  BL_HTTP_UPSTREAM_CLOSED: 'closed',
  BL_HTTP_UPSTREAM_TIMEOUT: 'timeout',
  BL_HTTP_BAD_RESPONSE: 'bad-response',
}

const failure: FailureReply = (error, { head, decision }) => {
  const reason = REASONS[error.code]
  if (reason === undefined || !isRouted(decision)) return undefined
  const { environment, service } = decision
  return unavailable({ status: error.status, environment, service, reason }, head.get('accept'))
}

const isRouted = (decision: HttpDecision | undefined): decision is RoutedForward | RoutedReply =>
  decision !== undefined && 'reason' in decision

function record({ metrics }: Surroundings, { decision, status, candidate, error }: ExchangeReport): void {
  if (isRouted(decision)) metrics.request(decision.reason, status)
  else metrics.refused(status)
  if (candidate > 0) metrics.fallbacks.inc()
  const failed = error && REASONS[error.code]
  if (failed !== undefined) metrics.upstreamFailures.inc({ reason: failed })
}
