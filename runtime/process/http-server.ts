import type { RequestListener, Server } from 'node:http'
import { ConnectionGate, type GateLimits } from './connection-gate.ts'

// Not an `import`, which reads every export of the module, including those that load undici: 11 MB of memory.
const { createServer } = process.getBuiltinModule('node:http')

/** Limits for connections to one of our own small HTTP servers. */
export interface HttpServerLimits extends GateLimits {
  /**
   * Longest time from the start of a connection, or of its next request, to the end of the request's head. Default: 5
   * s.
   */
  readonly headMs: number
  /** Longest time from the end of the head to the end of the request's body. Default: 5 s. */
  readonly requestMs: number
  /** Longest time between two requests of one connection. Default: 5 s. */
  readonly idleMs: number
  /** Most connections at one time. The oldest one is closed to make room. Default: 256. */
  readonly waiting: number
  /** Most connections of one address (IPv6: of one /64). The oldest of them is closed to make room. Default: 64. */
  readonly waitingPerAddress: number
}

/** The defaults of {@link HttpServerLimits}. */
const DEFAULT_HTTP_SERVER_LIMITS: HttpServerLimits = {
  headMs: 5_000,
  requestMs: 5_000,
  idleMs: 5_000,
  waiting: 256,
  waitingPerAddress: 64,
}

/**
 * Checks per wait. Node checks for slow requests every 30 s by default, so that a wait of 5 s would last up to 35 s.
 */
const CHECKS_PER_WAIT = 4

/**
 * Creates a node:http server whose waits last at most a quarter longer than their limit, and whose connections a {@link
 * ConnectionGate} limits. All our processes create such servers with this function.
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
      // Node counts the head as part of the request.
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
