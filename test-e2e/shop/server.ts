import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ShopConfig } from './config.ts'
import { type Hop, SERVICE_FIELD } from './hop.ts'

const DRAIN_TIMEOUT_MS = 10_000
const MAX_SLOW_MS = 30_000
/** Longer than the idle time of every proxy in front, because the client of a connection should close it. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000

/** The response of a service. Default status: 200. */
interface Reply {
  readonly status?: number
  readonly type: 'application/json' | 'text/html; charset=utf-8'
  readonly body: string
}

/** Handles one request of a service. */
export type Handle = (request: http.IncomingMessage, url: URL) => Promise<Reply>

/** A running server of the shop. */
export interface ShopServer {
  readonly port: number
  /** Stops accepting, finishes running requests, and closes. */
  drain(): Promise<void>
}

/**
 * Serves one service over HTTP. It handles `GET /healthz` itself, and `handle` everything else. `?slow=SERVICE&ms=N` delays
 * the response of that service, for tests of running requests during changes.
 */
export async function serve(
  config: ShopConfig,
  handle: Handle,
  isHealthy: () => boolean = () => true,
): Promise<ShopServer> {
  const server = http.createServer({ keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS })
  let draining = false
  server.on('request', (request, response) => {
    response.setHeader(SERVICE_FIELD, config.service)
    if (draining) response.setHeader('connection', 'close')
    void respond(config, handle, isHealthy, request)
      .catch(toFault(config))
      .then(({ status = 200, type, body }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', vary: 'accept' })
        response.end(body)
      })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(config.port, config.host, resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : config.port
  const drain = async (): Promise<void> => {
    draining = true
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeIdleConnections()
    await Promise.race([closed, delay(DRAIN_TIMEOUT_MS, undefined, { ref: false })])
    server.closeAllConnections()
  }
  return { port, drain }
}

async function respond(
  config: ShopConfig,
  handle: Handle,
  isHealthy: () => boolean,
  request: http.IncomingMessage,
): Promise<Reply> {
  const url = new URL(request.url ?? '/', 'http://shop')
  request.resume()
  if (url.pathname === '/healthz') {
    const healthy = isHealthy()
    return { status: healthy ? 200 : 503, type: 'application/json', body: JSON.stringify({ healthy }) }
  }
  if (url.searchParams.get('slow') === config.service) {
    await delay(Math.min(Number(url.searchParams.get('ms')) || 0, MAX_SLOW_MS))
  }
  return handle(request, url)
}

const toFault =
  (config: ShopConfig) =>
  (error: unknown): Reply => {
    const message = error instanceof Error ? error.message : String(error)
    log(config, 'request failed', { error: message })
    const body = JSON.stringify({ service: config.service, environment: config.environment, error: message })
    return { status: 502, type: 'application/json', body }
  }

/** Returns this service's hop for a request that arrived at `startedAt` (performance.now()). */
export function hopOf(config: ShopConfig, request: http.IncomingMessage, url: URL, startedAt: number): Hop {
  const { service, version, environment, pod } = config
  const ms = Math.round((performance.now() - startedAt) * 100) / 100
  const hop = { service, version, environment, pod, ms }
  return url.searchParams.has('fields') ? { ...hop, fields: pairs(request.rawHeaders) } : hop
}

function pairs(raw: readonly string[]): [string, string][] {
  const fields: [string, string][] = []
  for (let at = 0; at + 1 < raw.length; at += 2) fields.push([raw[at] as string, raw[at + 1] as string])
  return fields
}

/** Drains on SIGTERM or SIGINT, and then ends the process. A second signal ends it immediately. */
export function untilSignal(
  config: ShopConfig,
  drain: () => Promise<unknown>,
  fields: Record<string, unknown> = {},
): void {
  let stopping = false
  const stop = (): void => {
    if (stopping) process.exit(1)
    stopping = true
    void drain().then(() => process.exit(0))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  log(config, 'running', fields)
}

/** Writes one line of JSON to standard output. */
function log(config: ShopConfig, message: string, fields: Record<string, unknown> = {}): void {
  const { service, version, environment } = config
  process.stdout.write(`${JSON.stringify({ service, version, environment, message, ...fields })}\n`)
}
