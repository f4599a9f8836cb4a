import { OPERATIONS, type Answer, type OperationId, type Sent } from './operations.ts'
import { acceptsIdempotencyKey, type Operation } from './operations/operation.ts'
import { problem, ProblemError } from './problem.ts'

/** Waits and sizes of a client. */
export interface ClientLimits {
  /** Longest time of one attempt, to the end of the response. Default: 15 s. */
  readonly attemptMs: number
  /** Waits before further attempts of calls that may be repeated. Each lasts up to this. Default: 0.1, 0.5 and 2 s. */
  readonly retryMs: readonly number[]
  /** Longest Retry-After that the client respects. Default: 10 s. */
  readonly retryAfterMs: number
}

/** The defaults of {@link ClientLimits}. */
export const DEFAULT_CLIENT_LIMITS: ClientLimits = {
  attemptMs: 15_000,
  retryMs: [100, 500, 2_000],
  retryAfterMs: 10_000,
}

export interface ClientOptions {
  /** URL of the coordinator, without a path. */
  readonly url: string | URL
  /** API key or join token. */
  readonly key?: string
  readonly limits?: Partial<ClientLimits>
  /** Default: the global fetch. */
  readonly fetch?: typeof fetch
  /** Sent as User-Agent. Default: branchline. */
  readonly agent?: string
}

interface CommonOptions {
  /** Version of the circuit that the change is for. The call fails with 412 if the circuit has another. */
  readonly ifMatch?: number
  /** Default: random, for every POST that accepts one. */
  readonly idempotencyKey?: string
  readonly signal?: AbortSignal
}
type PartOf<N extends string, V> = [V] extends [undefined]
  ? { readonly [K in N]?: never }
  : Record<string, never> extends V
    ? { readonly [K in N]?: V }
    : { readonly [K in N]: V }
/** What a call takes: `params`, `query` and `body` as the operation defines them. */
export type CallOptions<K extends OperationId> = CommonOptions &
  PartOf<'params', Sent<K, 'params'>> &
  PartOf<'query', Sent<K, 'query'>> &
  PartOf<'body', Sent<K, 'body'>>
type Arguments<K extends OperationId> =
  Record<string, never> extends CallOptions<K> ? [options?: CallOptions<K>] : [options: CallOptions<K>]

/**
 * A client of the REST API: one method for each operation, which resolves with the body of the response. It rejects
 * with a {@link ProblemError} if the API refuses, and with a {@link ClientError} if there is no answer of the API.
 */
export type Client = {
  readonly [K in OperationId]: (...args: Arguments<K>) => Promise<Answer<K>>
}

/** The API was not reached, or something else answered. */
export class ClientError extends Error {
  readonly code = 'BL_RELAY_UNREACHABLE'
  override readonly name = 'ClientError'
}

/** Creates a client. */
export function createClient(options: ClientOptions): Client {
  const caller = new Caller(options)
  const methods = Object.keys(OPERATIONS).map((id) => [
    id,
    (call: AnyCall = {}) => caller.call(OPERATIONS[id as OperationId], call),
  ])
  return Object.fromEntries(methods) as Client
}

interface AnyCall extends CommonOptions {
  readonly params?: Readonly<Record<string, unknown>>
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
}

class Caller {
  readonly #options: ClientOptions
  readonly #limits: ClientLimits

  constructor(options: ClientOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_CLIENT_LIMITS, ...options.limits }
  }

  async call(operation: Operation, call: AnyCall): Promise<unknown> {
    const request = this.#request(operation, call)
    const repeatable =
      operation.method !== 'PATCH' && !(operation.method === 'POST' && request.key === undefined)
    for (let attempt = 0; ; attempt++) {
      const wait = repeatable ? this.#limits.retryMs[attempt] : undefined
      const result = await this.#attempt(operation, request, call.signal)
      if (!(result instanceof Failure)) return result
      if (wait === undefined || !result.again) throw result.error
      await pause(this.#waitMs(wait, result.retryAfterMs), call.signal)
    }
  }

  #request(operation: Operation, call: AnyCall): Request {
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
      encodeURIComponent(String(call.params?.[name])),
    )
    const url = new URL(path, this.#options.url)
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    const key = acceptsIdempotencyKey(operation)
      ? (call.idempotencyKey ?? globalThis.crypto.randomUUID())
      : undefined
    const headers: Record<string, string> = {
      accept: 'application/json, application/problem+json',
      'user-agent': this.#options.agent ?? 'branchline',
    }
    if (this.#options.key !== undefined) headers['authorization'] = `Bearer ${this.#options.key}`
    if (call.ifMatch !== undefined) headers['if-match'] = `"${call.ifMatch}"`
    if (key !== undefined) headers['idempotency-key'] = key
    if (call.body !== undefined) {
      const patch = operation.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
      headers['content-type'] = patch
    }
    return { url, method: operation.method, headers, body: call.body, key }
  }

  async #attempt(operation: Operation, request: Request, signal?: AbortSignal): Promise<unknown> {
    const { url, method, headers, body } = request
    const timeout = AbortSignal.timeout(this.#limits.attemptMs)
    try {
      const response = await (this.#options.fetch ?? fetch)(url, {
        method,
        headers,
        redirect: 'error',
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return await readResponse(operation, request, response)
    } catch (error) {
      if (signal?.aborted === true) throw error
      const reason = timeout.aborted ? `no response within ${this.#limits.attemptMs} ms` : reasonOf(error)
      return new Failure(
        new ClientError(`${method} ${url.origin}${url.pathname}: ${reason}`, { cause: error }),
        true,
      )
    }
  }

  #waitMs(longestMs: number, retryAfterMs: number | undefined): number {
    const jitteredMs = longestMs * (0.5 + Math.random() / 2)
    return Math.max(jitteredMs, Math.min(retryAfterMs ?? 0, this.#limits.retryAfterMs))
  }
}

interface Request {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  readonly key: string | undefined
}

class Failure {
  readonly error: Error
  /** Whether the same call may work later. */
  readonly again: boolean
  readonly retryAfterMs: number | undefined

  constructor(error: Error, again: boolean, retryAfterMs?: number) {
    this.error = error
    this.again = again
    this.retryAfterMs = retryAfterMs
  }
}

const RETRIED: ReadonlySet<number> = new Set([409, 429, 502, 503, 504])

async function readResponse(operation: Operation, request: Request, response: Response): Promise<unknown> {
  const text = await response.text()
  const what = `${request.method} ${request.url.origin}${request.url.pathname}`
  if (response.ok) {
    if (operation.response === undefined) return text === '' ? undefined : text
    const parsed = operation.response.safeParse(parseJson(text))
    if (parsed.success) return parsed.data
    return new Failure(
      new ClientError(`${what}: the response is not of this API: ${parsed.error.message}`),
      false,
    )
  }
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined
  const parsed = problem.safeParse(parseJson(text))
  const error = parsed.success
    ? new ProblemError(parsed.data)
    : new ClientError(`${what}: status ${response.status}, and no problem document of this API`)
  const running = !(error instanceof ProblemError) || response.status !== 409 || error.is('request-running')
  return new Failure(error, RETRIED.has(response.status) && running, retryAfterMs)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const reasonOf = (error: unknown): string => {
  const { cause, message } = error as Error
  return cause instanceof Error && cause.message !== '' ? cause.message : message
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      if (signal?.aborted === true) reject(signal.reason as Error)
      else resolve()
    }
  })
}
