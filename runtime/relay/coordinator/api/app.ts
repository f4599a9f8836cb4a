import { type Context, Hono } from 'hono'
import { randomUUID } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { RELAY_ENTER_PATH } from '@branchline/wire/circuits/handoff'
import { OPERATIONS } from '@branchline/wire/circuits/operations'
import { acceptsIdempotencyKey, type Operation } from '@branchline/wire/circuits/operations/operation'
import { type ProblemDetails, type ProblemError, refusal } from '@branchline/wire/circuits/problem'
import { addressGroup } from '../../../process/address-group.ts'
import type { CallerKey } from '../access/keys.ts'
import type { Authenticator } from './authenticate.ts'
import { parseJson, readBody } from './body.ts'
import { serveEnter } from './enter.ts'
import { asProblem } from './errors.ts'
import type { EventStreams } from './events.ts'
import type { Call, Result } from './handler.ts'
import { CIRCUIT_HANDLERS } from './handlers/circuits.ts'
import { CREDENTIAL_HANDLERS } from './handlers/credentials.ts'
import { serviceHandlers } from './handlers/service.ts'
import { WORKER_HANDLERS } from './handlers/workers.ts'
import { answerOnce, parseIdempotencyKey } from './idempotency.ts'
import { problemResponse } from './problems.ts'
import type { ApiServices } from './services.ts'
import { parseBody, parseIfMatch, parseParams, parseQuery } from './validate.ts'

type Env = { Bindings: HttpBindings; Variables: { requestId: string; operation?: string } }
type AnyHandler = (call: Call<never>) => Promise<Result<never> | Response>

/** Methods of the API, for 405 and CORS. */
const METHODS = 'GET, POST, PUT, PATCH, DELETE'

/** Makes the API: routes from the table of operations, and what all of them have in common. */
export function createApp(
  services: ApiServices,
  streams: EventStreams,
  authenticator: Authenticator,
): Hono<Env> {
  const app = new Hono<Env>({ strict: true })
  app.use(async (context, next) => {
    const startedMs = performance.now()
    context.set('requestId', requestIdOf(context))
    await next()
    finish(context, context.res)
    services.counts?.done(context.get('operation'), context.res.status, performance.now() - startedMs)
  })
  const handlers = {
    ...CIRCUIT_HANDLERS,
    ...WORKER_HANDLERS,
    ...CREDENTIAL_HANDLERS,
    ...serviceHandlers(streams),
  }
  for (const [id, operation] of Object.entries(OPERATIONS) as [keyof typeof OPERATIONS, Operation][]) {
    const handler = handlers[id] as unknown as AnyHandler
    app.on(operation.method, routeOf(operation), (context) => {
      context.set('operation', id)
      return serve(context, operation, handler, services, authenticator)
    })
  }
  app.on(['GET', 'POST'], RELAY_ENTER_PATH, (context) =>
    serveEnter(services, authenticator, context.req.raw, addressOf(context)),
  )
  for (const [path, operations] of Map.groupBy(Object.values<Operation>(OPERATIONS), routeOf)) {
    const allow = operations.map(({ method }) => method).join(', ')
    app.all(path, (context) => {
      const isPreflight = context.req.method === 'OPTIONS'
      if (isPreflight) return new Response(null, { status: 204, headers: { allow } })
      return problemOf(context, refusal('method-not-allowed', { detail: `Methods here: ${allow}.` }), {
        allow,
      })
    })
  }
  app.notFound((context) =>
    problemOf(context, refusal('not-found', { remedy: 'GET /api/v1 lists what there is.' })),
  )
  app.onError((error, context) => {
    const problem = asProblem(error, services.context.store)
    if (problem.status >= 500) {
      const fields = { err: error, request_id: context.get('requestId'), path: context.req.path }
      if (problem.is('internal')) services.logger.error(fields, 'a request of the API has failed')
      else services.logger.warn(fields, 'a request of the API could not be served')
    }
    return problemOf(context, problem)
  })
  return app
}

/** The path of a route: parameters as Hono writes them. */
const routeOf = ({ path }: Operation): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

async function serve(
  context: Context<Env>,
  operation: Operation,
  handler: AnyHandler,
  services: ApiServices,
  authenticator: Authenticator,
): Promise<Response> {
  const request = context.req.raw
  const { caller, token } = await authenticator.authenticate(operation, request, addressOf(context))
  const { params, query, body, method } = operation
  const bytes = body === undefined ? Buffer.alloc(0) : await readBody(request, services.limits)
  const call = {
    services,
    params: params === undefined ? undefined : parseParams(params, context.req.param()),
    query: query === undefined ? undefined : parseQuery(query, context.req.queries()),
    body:
      body === undefined
        ? undefined
        : parseBody(body, parseJson(bytes, request.headers.get('content-type'), method === 'PATCH')),
    caller: caller as CallerKey,
    token,
    ifMatch: operation.etag === true ? parseIfMatch(request.headers.get('if-match')) : undefined,
    requestId: context.get('requestId'),
    request,
  }
  const run = (): Promise<Result<never> | Response> => handler(withRequestId(call) as unknown as Call<never>)
  const key = request.headers.get('idempotency-key')
  if (key === null || caller === undefined || !acceptsIdempotencyKey(operation)) {
    const result = await run()
    return result instanceof Response ? result : jsonResponse(answerOf(operation, services, result))
  }
  const { pathname, search } = new URL(request.url)
  const answer = await answerOnce(
    services.context.store,
    services.limits,
    { apiKeyId: caller.keyId, key: parseIdempotencyKey(key), method, path: pathname + search, body: bytes },
    async () =>
      refusedAsAnswer(context, services, async () =>
        answerOf(operation, services, (await run()) as Result<never>),
      ),
  )
  return jsonResponse(answer, answer.replayed ? { 'idempotent-replayed': 'true' } : {})
}

const withRequestId = <C extends { caller: CallerKey; requestId: string }>(call: C): C =>
  call.caller === undefined ? call : { ...call, caller: { ...call.caller, requestId: call.requestId } }

interface JsonAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

function answerOf(operation: Operation, services: ApiServices, result: Result<never>): JsonAnswer {
  const { status = operation.status, version, headers = {} } = result
  const body: unknown = result.body
  if (services.checkResponses === true) operation.response?.parse(body)
  return {
    status,
    body: operation.response === undefined ? undefined : body,
    headers: { ...headers, ...(version === undefined ? {} : { etag: `"${version}"` }) },
  }
}

/** A refusal is an answer, too: a repeated request gets the same one. */
async function refusedAsAnswer(
  context: Context<Env>,
  services: ApiServices,
  run: () => Promise<JsonAnswer>,
): Promise<JsonAnswer> {
  try {
    return await run()
  } catch (error) {
    const problem = asProblem(error, services.context.store)
    if (problem.status >= 500) throw error
    const body = { ...problem.problem, instance: context.req.path, requestId: context.get('requestId') }
    return { status: problem.status, body, headers: { 'content-type': 'application/problem+json' } }
  }
}

function jsonResponse({ status, headers, body }: JsonAnswer, more: Record<string, string> = {}): Response {
  const all = { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers, ...more }
  return new Response(body === undefined ? null : JSON.stringify(body), {
    status,
    headers: body === undefined ? { 'cache-control': 'no-store', ...headers, ...more } : all,
  })
}

function problemOf(
  context: Context<Env>,
  error: ProblemError,
  headers: Record<string, string> = {},
): Response {
  const problem = { ...error.problem, instance: context.req.path, requestId: context.get('requestId') }
  const challenge: Record<string, string> =
    error.status === 401 ? { 'www-authenticate': 'Bearer realm="branchline"' } : {}
  const waitSeconds = (error as ProblemDetails & { waitSeconds?: number }).waitSeconds
  const retry = waitSeconds ?? (error.is('request-running') || error.status === 503 ? 1 : undefined)
  const after: Record<string, string> = retry === undefined ? {} : { 'retry-after': String(retry) }
  const response = problemResponse(problem, context.req.header('accept'), {
    ...headers,
    ...challenge,
    ...after,
  })
  finish(context, response)
  return response
}

/** Adds what every response has. Requests carry a key in a header and no cookie, so every origin may read them. */
function finish(context: Context<Env>, response: Response): void {
  const { headers } = response
  headers.set('x-request-id', context.get('requestId'))
  headers.set('x-content-type-options', 'nosniff')
  if (context.req.header('origin') === undefined) return
  headers.set('access-control-allow-origin', '*')
  headers.set('access-control-expose-headers', 'ETag, Location, Retry-After, X-Request-Id')
  if (context.req.method !== 'OPTIONS') return
  headers.set('access-control-allow-methods', METHODS)
  headers.set(
    'access-control-allow-headers',
    'Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID',
  )
  headers.set('access-control-max-age', '600')
}

/** The id of a request: the client's, if it has a usable one. */
function requestIdOf(context: Context<Env>): string {
  const given = context.req.header('x-request-id')
  return given !== undefined && /^[A-Za-z0-9._-]{8,64}$/.test(given) ? given : randomUUID()
}

const addressOf = (context: Context<Env>): string => addressGroup(context.env.incoming.socket.remoteAddress)
