import type { RequestListener, Server } from 'node:http'
import { ConnectionGate, type GateLimits } from './connection-gate.ts'

// Not by `import`, which reads every export of it, among them those that load undici: 11 MB of memory.
const { createServer } = process.getBuiltinModule('node:http')

/** What a connection to one of our own small HTTP servers may cost. */
export interface HttpServerLimits extends GateLimits {
  /** From the start of a connection, or of its next request, to the end of a request's head. Default: 5 s. */
  readonly headMs: number
  /** From there to the end of the request's body. Default: 5 s. */
  readonly requestMs: number
  /** Between two requests of one connection. Default: 5 s. */
  readonly idleMs: number
  /** Connections at one time; the oldest one is closed for the next one. Default: 256. */
  readonly waiting: number
  /** Connections of one address (IPv6: of one /64); the oldest of them is closed for the next one. Default: 64. */
  readonly waitingPerAddress: number
}

/** The defaults of {@link HttpServerLimits}. */
export const DEFAULT_HTTP_SERVER_LIMITS: HttpServerLimits = {
  headMs: 5_000,
  requestMs: 5_000,
  idleMs: 5_000,
  waiting: 256,
  waitingPerAddress: 64,
}

/** Node looks for requests that take too long every 30 s by default, so that a wait of 5 s lasted up to 35 s. */
const CHECKS_PER_WAIT = 4

/**
 * A server of node:http whose waits last as long as they say, a quarter more at most, and whose connections are
 * bounded by a {@link ConnectionGate}. The one way in which processes of ours make such a server.
 */
export function createHttpServer(
  limits: Partial<HttpServerLimits>,
  listener: RequestListener,
): { readonly server: Server; readonly gate: ConnectionGate } {
  const all = { ...DEFAULT_HTTP_SERVER_LIMITS, ...limits }
  const { headMs, requestMs, idleMs } = all
  const server = createServer(
    {
      headersTimeout: headMs,
      // Node counts the head as a part of the request.
      requestTimeout: headMs + requestMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.ceil(Math.min(headMs, requestMs) / CHECKS_PER_WAIT),
    },
    listener,
  )
  const gate = new ConnectionGate(all)
  gate.guard(server)
  return { server, gate }
}
