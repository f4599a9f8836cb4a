import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https'
import { KubernetesError } from './errors.ts'
import type { ApiAccess } from './access.ts'
import { toApiError } from './api-error.ts'
import type { KubernetesLimits } from './limits.ts'

// An `import` of node:http also loads undici (runtime/process/admin.ts).
const { Agent: HttpAgent, request: httpRequest } = process.getBuiltinModule('node:http')

/** One request to the API server. The caller has already encoded the names in `path`. */
interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  readonly contentType?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** A client of the API server. Its calls reject with an ApiError, or with a retryable KubernetesError. */
export interface Api {
  /** Resolves to the parsed JSON of the response. The time limit covers the whole response. */
  request(request: ApiRequest): Promise<unknown>
  /** Resolves to a streamed response as soon as its head arrives. The time limit covers the head. */
  open(request: ApiRequest): Promise<IncomingMessage>
  /** Closes idle connections. Callers abort their own running requests. */
  close(): void
}

interface Credentials {
  readonly options: RequestOptions
  readonly readAtMs: number
}

/** After this long without data, TCP probes whether the peer is still there. */
const KEEP_ALIVE_MS = 15_000

/** Creates an {@link Api} on node:http(s). It reads the credentials again every few seconds, because they rotate. */
export function createApi(access: ApiAccess, limits: KubernetesLimits): Api {
  const secure = access.server.startsWith('https:')
  const agentOptions = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, timeout: 0 }
  const agents = [limits.maxConnections, Number.POSITIVE_INFINITY].map((maxSockets) =>
    secure ? new HttpsAgent({ ...agentOptions, maxSockets }) : new HttpAgent({ ...agentOptions, maxSockets }),
  )
  const [requestAgent, watchAgent] = agents
  let credentials: Credentials | undefined

  async function readCredentials(): Promise<Credentials> {
    const nowMs = performance.now()
    if (credentials !== undefined && nowMs - credentials.readAtMs < limits.credentialsTtlMs) {
      return credentials
    }
    const options = await access.credentials()
    credentials = { options, readAtMs: nowMs }
    return credentials
  }

  async function send(
    request: ApiRequest,
    agent: InstanceType<typeof HttpAgent> | undefined,
    signal: AbortSignal,
  ) {
    const { options } = await readCredentials()
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const url = `${access.server}${request.path}${queryText(request.query)}`
      const headers = {
        ...(options.headers as Record<string, string>),
        accept: 'application/json',
        ...(body !== undefined && {
          'content-type': request.contentType ?? 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
      }
      const all = { agent, ...options, method: request.method, headers, signal }
      const outgoing = secure ? httpsRequest(url, all) : httpRequest(url, all)
      outgoing.once('response', resolve).once('error', reject)
      outgoing.once('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true))
      outgoing.end(body)
    })
    const code = response.statusCode ?? 0
    if (code >= 200 && code < 300) return response
    if (code === 401) credentials = undefined
    const text = await readText(response, limits.maxResponseBytes)
    throw toApiError(nameOf(request), code, parseJson(text) ?? text, response.headers['retry-after'])
  }

  return {
    request: (request) =>
      within(request, request.timeoutMs ?? limits.requestTimeoutMs, async (signal) => {
        const text = await readText(await send(request, requestAgent, signal), limits.maxResponseBytes)
        const json = parseJson(text)
        if (json !== undefined) return json
        throw new Error('the response is not JSON')
      }),
    open: (request) =>
      within(
        request,
        request.timeoutMs ?? limits.requestTimeoutMs,
        (signal) => send(request, watchAgent, signal),
        true,
      ),
    close: () => agents.forEach((agent) => agent.destroy()),
  }
}

/**
 * Runs a request until it is done, timed out or aborted. With `streams`, the caller's signal still aborts the
 * response's body after the head has arrived.
 */
async function within<T>(
  request: ApiRequest,
  timeoutMs: number,
  run: (signal: AbortSignal) => Promise<T>,
  streams = false,
): Promise<T> {
  const controller = new AbortController()
  const abort = (): void => controller.abort(request.signal?.reason)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    controller.abort()
  }, timeoutMs)
  if (request.signal?.aborted) abort()
  request.signal?.addEventListener('abort', abort, { once: true })
  try {
    const result = await run(controller.signal)
    if (!streams) request.signal?.removeEventListener('abort', abort)
    return result
  } catch (error) {
    request.signal?.removeEventListener('abort', abort)
    if (error instanceof KubernetesError) throw error
    const why = timedOut ? `no response within ${timeoutMs} ms` : (error as Error).message
    throw new KubernetesError(`${nameOf(request)}: ${why}`, { retryable: true, cause: error })
  } finally {
    clearTimeout(timer)
  }
}

const nameOf = ({ method, path }: ApiRequest): string => `${method} ${path}`

function queryText(query: ApiRequest['query'] = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value))
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`
}

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`the response is longer than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
