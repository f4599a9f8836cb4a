import { PIPE_IDLE_MS } from '../transport/pipe.ts'

/**
 * Every bound and every wait of the engine. Times are exact to the tick of {@link Clock} (a tenth of the shortest).
 * To let people set a field, add a line to the table of settings (`runtime/wire/settings/table.ts`) with `http.<field>`.
 */
export interface Limits {
  /** Bytes of a request's head, and of its trailers: 431, or 414 for its first line. Default: 32 KiB. */
  readonly headBytes: number
  /** Fields of a request's head, and of its trailers: 431. Default: 128. */
  readonly headerCount: number
  /** Bytes of a response's head, and of its trailers: 502. Default: 32 KiB. */
  readonly responseHeadBytes: number
  /** Fields of a response's head, and of its trailers: 502. Default: 128. */
  readonly responseHeaderCount: number
  /**
   * Bytes of a request's head, and of what was read ahead of it, that one connection may keep at any time: what it
   * keeps beyond that counts towards {@link keptTotalBytes}. Default: 4 KiB.
   */
  readonly keptFreeBytes: number
  /**
   * Bytes that all connections together may keep so. When they are used up, the connections that have kept some for
   * longest let go of an incomplete head (503 with Retry-After) or of pipelined requests (closed after the response
   * at hand); where that is not enough, a new request gets the 503. Default: 64 MiB.
   */
  readonly keptTotalBytes: number
  /** Interim responses (1xx) to one request: 502. Default: 32. */
  readonly interimResponses: number
  /** Client connections at one time; the next one gets a 503. Default: 10,000. */
  readonly connections: number
  /** From the first octet of a head (for a new connection: from its start) to the last: 408. Default: 10 s. */
  readonly headMs: number
  /** Between two requests of one connection; it is then closed. Default: 75 s. */
  readonly idleMs: number
  /** To reach one candidate; the next one is tried then, and a 504 follows the last. Default: 3 s. */
  readonly upstreamConnectMs: number
  /**
   * From the end of the request to the response's head, and to the 100 (Continue) for which a client waits: 504.
   * Also without a byte of the body taken by an upstream. Default: 120 s.
   */
  readonly upstreamResponseMs: number
  /** Without one byte of a request's body that the client owes: 408. Default: 60 s, as nginx's client_body_timeout. */
  readonly requestProgressMs: number
  /**
   * A client that ends its direction (a FIN) so soon after its request only sends nothing more, and gets its answer,
   * as those that are fed by a pipe do (`printf … | socat`). One that ends it later has left: its upstream
   * connection is ended at once. 0: each FIN is a departure. Default: 100 ms.
   */
  readonly halfCloseMs: number
  /** Without a byte of the response for a client that has half-closed so: it may have left as well. Default: 10 s. */
  readonly halfClosedMs: number
  /** Without one octet of a response's body sent or received: both ends are cut. Default: 300 s. */
  readonly responseProgressMs: number
  /** How long an unused upstream connection is kept; below the 5 s after which Node's servers close theirs. Default: 4 s. */
  readonly poolIdleMs: number
  /** How long it may have been unused for a request that cannot be repeated (POST): a longer one may be stale. Default: 1 s. */
  readonly poolUnsafeIdleMs: number
  /**
   * A kept connection that ends (a FIN) so soon after a request was written to it was most likely stale: a request
   * that is safe to repeat is sent again, over a fresh one. Later it counts as received. One that is reset was stale
   * whenever that is: its peer had not read the request. Default: 50 ms.
   */
  readonly poolStaleMs: number
  /** Unused connections kept for one upstream. Default: 256. */
  readonly poolSize: number
  /** Unused connections kept in all. Default: 2,048. */
  readonly poolTotal: number
  /** Bytes of a client that are read ahead and kept while its request is not answered. Default: 16 KiB. */
  readonly heldBytes: number
  /** After the last response: without a byte from the client, before its connection is cut. Default: 2 s. */
  readonly lingerMs: number
  /** The same in all: so long the rest of an unwanted body is read and dropped. Default: 30 s. */
  readonly lingerTotalMs: number
  /** An upgraded connection or a {@link pipe} without an octet either way. Default: 1 h. */
  readonly pipeIdleMs: number
  /** At stop: for running exchanges and upgraded connections to end. Default: 30 s. */
  readonly drainMs: number
  /** At stop: for idle connections, whose next request may be on its way already. Default: 500 ms. */
  readonly drainIdleMs: number
}

/** The defaults of {@link Limits}. */
export const DEFAULT_LIMITS: Limits = {
  headBytes: 32 * 1024,
  headerCount: 128,
  responseHeadBytes: 32 * 1024,
  responseHeaderCount: 128,
  keptFreeBytes: 4 * 1024,
  keptTotalBytes: 64 * 1024 * 1024,
  interimResponses: 32,
  connections: 10_000,
  headMs: 10_000,
  idleMs: 75_000,
  upstreamConnectMs: 3_000,
  upstreamResponseMs: 120_000,
  requestProgressMs: 60_000,
  halfCloseMs: 100,
  halfClosedMs: 10_000,
  responseProgressMs: 300_000,
  poolIdleMs: 4_000,
  poolUnsafeIdleMs: 1_000,
  poolStaleMs: 50,
  poolSize: 256,
  poolTotal: 2_048,
  heldBytes: 16 * 1024,
  lingerMs: 2_000,
  lingerTotalMs: 30_000,
  pipeIdleMs: PIPE_IDLE_MS,
  drainMs: 30_000,
  drainIdleMs: 500,
}
