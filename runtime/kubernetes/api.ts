import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https'
import { KubernetesError } from './errors.ts'
import type { ApiAccess } from './access.ts'
import { toApiError } from './api-error.ts'
import type { KubernetesLimits } from './limits.ts'

// Not by `import`, which loads undici, too (runtime/process/admin.ts).
const { Agent: HttpAgent, request: httpRequest } = process.getBuiltinModule('node:http')

/** One request to the API server; names in `path` are encoded already. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  readonly contentType?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** The API server, for who is logged in. Rejects with an ApiError, or a retryable KubernetesError. */
export interface Api {
  /** The parsed JSON of an answer; the time limit counts for the whole of it. */
  request(request: ApiRequest): Promise<unknown>
  /** An answer that goes on, once its head is there; the time limit counts for the head. */
  open(request: ApiRequest): Promise<IncomingMessage>
  /** Frees idle connections; what runs is its caller's to abort. */
  close(): void
}

interface Credentials {
  readonly options: RequestOptions
  readonly readAtMs: number
}

/** How soon a peer that has vanished without a word is asked for. */
const KEEP_ALIVE_MS = 15_000

/** An {@link Api} on node:http(s). Credentials are read again every few seconds, since they rotate. */
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
    const text = await readText(response, limits.maxAnswerBytes)
    throw toApiError(nameOf(request), code, parseJson(text) ?? text, response.headers['retry-after'])
  }

  return {
    request: (request) =>
      within(request, request.timeoutMs ?? limits.requestTimeoutMs, async (signal) => {
        const text = await readText(await send(request, requestAgent, signal), limits.maxAnswerBytes)
        const answer = parseJson(text)
        if (answer !== undefined) return answer
        throw new Error('the answer is no JSON')
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
 * Runs a request until it is done, timed out or aborted. With `goesOn` its abort signal stays bound to the
 * caller's after it is done, so that the answer's body ends with that.
 */
async function within<T>(
  request: ApiRequest,
  timeoutMs: number,
  run: (signal: AbortSignal) => Promise<T>,
  goesOn = false,
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
    if (!goesOn) request.signal?.removeEventListener('abort', abort)
    return result
  } catch (error) {
    request.signal?.removeEventListener('abort', abort)
    if (error instanceof KubernetesError) throw error
    const why = timedOut ? `no answer within ${timeoutMs} ms` : (error as Error).message
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
    if (bytes > maxBytes) throw new Error(`the answer is longer than ${maxBytes} octets`)
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
