import http from 'node:http'
import https from 'node:https'
import { EXPLAIN_HEADER } from '@branchline/wire/explain'
import type { Hop } from '@branchline/wire/routes/hop'
import { type KnownPath, knownPath, type Missed, type TcpHop } from '@branchline/wire/routes/traffic'
import { hopsInOrder } from './tree.ts'

/** The path that a request took. */
export interface ExplainedRoute {
  readonly status: number
  readonly traceId: string
  /** In the order in which the request reached them. */
  readonly hops: readonly Hop[]
  /** The overrides that it did not reach with its key. */
  readonly missed: readonly Missed[]
  /** The known TCP connections of the services on its path. */
  readonly tcp: readonly TcpHop[]
}

export interface ExplainOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | undefined
  /** Limit of each request, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number
}

/** How long to wait for late hops before each query, in milliseconds. */
const SETTLE_MS = 150
const SETTLE_TRIES = 5
/** How long to wait for the reason why an override was not reached. Sidecars report what they counted every second. */
const REASON_TIMEOUT_MS = 2_500
const MAX_RESPONSE = 1024 * 1024

/** The path of a request is unknown. The message states the reason and the remedy. */
class ExplainError extends Error {
  readonly code = 'BL_ROUTE_EXPLAIN'
  constructor(message: string) {
    super(message)
    this.name = 'ExplainError'
  }
}

/**
 * Sends a request that asks for its path, then queries the hops that sidecars reported, until no more arrive. Throws an
 * {@link ExplainError} if the response does not state the path, because no sidecar may or can report it.
 */
export async function explainRoute(url: string, options: ExplainOptions = {}): Promise<ExplainedRoute> {
  const response = await send(url, '1', options)
  const field = response.headers[EXPLAIN_HEADER]
  const traceId = /;trace="([0-9a-f]{32})"/.exec(String(field))?.[1]
  if (traceId === undefined) {
    const problem = problemOf(response)
    if (problem !== undefined) throw new ExplainError(`${url} returned ${response.status}: ${problem}`)
    throw new ExplainError(
      `${url} returned ${response.status} without the path of the request: the relay must allow it ` +
        '(BRANCHLINE_ROUTE_EXPLAIN=allow), and the service must have a sidecar',
    )
  }
  const { hops, missed = [], tcp = [] } = await settledPath(url, traceId, options)
  return { status: response.status, traceId, hops: hopsInOrder(hops), missed, tcp }
}

/** Queries what is known of a request until no more arrives. */
async function settledPath(url: string, traceId: string, options: ExplainOptions): Promise<KnownPath> {
  const { headers = {}, timeoutMs = TIMEOUT_MS } = options
  const startedAt = performance.now()
  let known: KnownPath = { hops: [] }
  for (let tries = 0; ; tries++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const found = parsePath(await send(url, `hops=${traceId}`, { headers, timeoutMs }))
    const isSettled = found.hops.length > 0 && found.hops.length === known.hops.length
    known = found
    if (!isSettled && tries < SETTLE_TRIES) continue
    const lacksReason = found.missed?.some(({ by }) => by === undefined) === true
    if (!lacksReason || performance.now() - startedAt > REASON_TIMEOUT_MS) return known
  }
}

interface ExplainResponse {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

const TIMEOUT_MS = 30_000

function send(
  url: string,
  query: string,
  { method, headers, body, timeoutMs }: ExplainOptions,
): Promise<ExplainResponse> {
  const target = new URL(url)
  // A host below localhost is this machine (RFC 6761, 6.3), but not every resolver knows that.
  const local = target.hostname.endsWith('.localhost')
  const options: http.RequestOptions = {
    method: method ?? 'GET',
    headers: { host: target.host, ...headers, [EXPLAIN_HEADER]: query },
    ...(local && { hostname: '127.0.0.1' }),
    signal: AbortSignal.timeout(timeoutMs ?? TIMEOUT_MS),
  }
  return new Promise((resolve, reject) => {
    const request = (target.protocol === 'https:' ? https : http).request(target, options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('error', reject)
      response.on('data', (part: string) => (text.length < MAX_RESPONSE ? (text += part) : undefined))
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text })
      })
    })
    request.on('error', reject).end(body)
  })
}

/** Returns the problem in a response of the relay or a sidecar (RFC 9457), or undefined for other responses. */
function problemOf({ headers, body }: ExplainResponse): string | undefined {
  if (headers['content-type']?.startsWith('application/problem+json') !== true) return undefined
  try {
    const { type, detail } = JSON.parse(body) as { type?: unknown; detail?: unknown }
    const isOurs = typeof type === 'string' && type.startsWith('urn:branchline:')
    return isOurs && typeof detail === 'string' ? detail : undefined
  } catch {
    return undefined
  }
}

function parsePath({ status, body }: ExplainResponse): KnownPath {
  if (status !== 200)
    throw new ExplainError(`the hops are not available (${status}): ${body.trim().slice(0, 200)}`)
  return knownPath.parse(JSON.parse(body))
}
