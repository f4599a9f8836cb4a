import { type HttpError } from '../../../proxy/errors.ts'
import type { Problem } from '../../../proxy/problem.ts'
import { DialRefusedError } from '../../dial-policy.ts'
import { TunnelStreamError } from '../../../tunnel/index.ts'

// An `import` of node:http also loads undici (runtime/process/admin.ts).
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** Most clusters return within a second, so visitors should retry before the whole time has passed. */
const RETRY_AFTER_SECONDS = 2

/** A host as problems name it. */
const name = (host: string): string => (host === '' ? 'no host' : `the host ${host.slice(0, 255)}`)

/** No circuit has this host. */
export const unknownHost = (host: string): Problem => ({
  status: 404,
  reason: 'unknown-host',
  title: 'No preview or circuit here',
  detail: `No preview or circuit has ${name(host)}. It may have been removed, or not have started yet.`,
})

/** The relay does not know yet whether the host has a circuit. */
export const justStarted = (host: string): Problem => ({
  status: 503,
  reason: 'relay-started',
  title: 'One moment',
  detail: `The relay has just started, and clusters are still connecting. Whether ${host.slice(0, 255) || 'this host'} is a preview is known in a few seconds: try again.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

/** The only targets are services of a cluster that is not connected. */
export const goneCluster = (host: string, cluster: string): Problem => ({
  status: 502,
  reason: 'cluster-gone',
  title: 'The cluster is gone',
  detail: `The preview ${host} belongs to the cluster ${cluster}, which is not connected. It works again once the cluster reconnects.`,
})

/** The engine refused the request. */
export const refused = (error: HttpError): Problem => ({
  status: error.status,
  reason: 'refused',
  title: STATUS_CODES[error.status] ?? 'Bad Request',
  detail: error.message,
  ...(error.status === 503 ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {}),
})

/** The circuit has as many running requests as one of a cluster may have. */
export const busyPreview = (host: string): Problem => ({
  status: 503,
  reason: 'preview-busy',
  title: 'The preview is busy',
  detail: `The preview ${host} has reached its limit of running requests: try again.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

/** No link of the cluster takes a further stream. */
export const fullLinks = (cluster: string): Problem => ({
  status: 503,
  reason: 'cluster-busy',
  title: 'The cluster is busy',
  detail: `All links of the cluster ${cluster} are full: try again.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

/** The address of the visitor has as many running requests as one may have. */
export const busyVisitor = (address: string): Problem => ({
  status: 503,
  reason: 'visitor-busy',
  title: 'Too many requests at a time',
  detail: `Your address (${address}) has reached its limit of running requests: try again when some are done.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

/** Access by a kind that this worker cannot check. */
export const notPublic = (access: string): Problem => ({
  status: 403,
  reason: 'access',
  title: 'Not public',
  detail: `This preview is not public (access: ${access}), and this relay has no sign-in.`,
})

/** The address of the visitor is not in the allow-list. */
export const forbiddenAddress = (address: string | undefined): Problem => ({
  status: 403,
  reason: 'address',
  title: 'Not for your address',
  detail: `This circuit is not open to your address (${address ?? 'unknown'}).`,
})

/** The circuit is being removed. */
export const draining = (): Problem => ({
  status: 503,
  reason: 'draining',
  title: 'This is being removed',
  detail: 'This circuit takes no new requests, because it is being removed.',
})

/** Every target drains, or a check of it has failed. */
export const noTarget = (host: string, reason: string): Problem => ({
  status: 503,
  reason: 'no-target',
  title: 'The app is not available',
  detail: `No target of ${host} takes requests: ${reason}.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

/**
 * The app speaks only HTTP/2, and the visitor does not. 505 if the circuit says so, 502 if the app has been asked. The
 * relay translates HTTP/2 for apps of HTTP/1.1, and not the other way.
 */
export const needsHttp2 = (status: 502 | 505): Problem => ({
  status,
  reason: 'needs-http2',
  title: 'HTTP/2 only',
  detail:
    'Your request uses HTTP/1.1, and the app behind this address speaks only HTTP/2. The relay does not translate in this direction. ' +
    'Use a client with HTTP/2, such as one for gRPC, "curl --http2-prior-knowledge" over http or "curl --http2" over https, or let the app accept HTTP/1.1 as well.',
})

/** Whether the answer of an app that should speak HTTP/2 is no HTTP/1.1. */
export const isNotHttp1 = ({ code }: HttpError): boolean =>
  code === 'BL_HTTP_BAD_RESPONSE' || code === 'BL_HTTP_UPSTREAM_CLOSED'

/** A circuit whose connections are not requests, or for whose backend this worker has no code. */
export const wrongBackend = (backend: string): Problem => ({
  status: 421,
  reason: 'backend',
  title: 'Not served here',
  detail: `This circuit has the backend ${backend}, which does not accept requests here.`,
})

/** Whether an error is a fault of the target and not of the request. */
export const isUpstreamFault = ({ code }: HttpError): boolean =>
  code.startsWith('BL_HTTP_UPSTREAM') || code in REASONS

/** Whether a request was not sent because the links have no room. */
export const isFull = ({ cause }: HttpError): boolean =>
  cause instanceof TunnelStreamError && cause.fault === 'refused'

/** A service of a cluster did not respond. */
export function failedService(error: HttpError, service: string, environment: string): Problem {
  const cause = error.cause
  const fault = cause instanceof TunnelStreamError ? cause : undefined
  const what = `The service ${service} of the environment ${environment} did not respond`
  return {
    status: error.status,
    reason: fault === undefined ? (REASONS[error.code] ?? 'upstream') : `tunnel-${fault.fault}`,
    title: 'The preview did not respond',
    detail:
      fault !== undefined && SAYING.has(fault.fault)
        ? `${fault.message}.`
        : `${what}: ${fault?.message ?? error.message}.`,
    members: { environment, service, cause: fault?.message },
  }
}

/** A target did not respond. The reply does not name its address. */
export function failedTarget(error: HttpError, target: string): Problem {
  const { cause } = error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
  const why =
    cause instanceof DialRefusedError
      ? `this worker does not connect to its address (${cause.reason}), because --allow-targets of the worker does not name it`
      : (code ?? (error.code === 'BL_HTTP_UPSTREAM_UNREACHABLE' ? 'it cannot be reached' : error.message))
  return {
    status: error.status,
    reason: REASONS[error.code] ?? 'upstream',
    title: 'The app did not respond',
    detail: `The target ${target} did not respond: ${why}.`,
    members: { target },
  }
}

/** The faults whose message comes from the cluster, and is a sentence that names the service. */
const SAYING: ReadonlySet<string> = new Set(['unknown', 'unavailable', 'connect'])

const REASONS: Readonly<Record<string, string>> = {
  BL_HTTP_UPSTREAM_UNREACHABLE: 'unreachable',
  BL_HTTP_UPSTREAM_CLOSED: 'closed',
  BL_HTTP_UPSTREAM_UNPROCESSED: 'unprocessed',
  BL_HTTP_UPSTREAM_TIMEOUT: 'timeout',
  BL_HTTP_BAD_RESPONSE: 'bad-response',
  BL_HTTP_RESPONSE_TOO_LARGE: 'too-large',
}
