import { PIPE_IDLE_MS } from '../transport/pipe.ts'

/**
 * All limits of the engine. Times are exact to the tick of {@link Clock} (a tenth of the shortest). To let users set a
 * field, add a line with `http.<field>` to the table of settings (`runtime/wire/settings/table.ts`).
 */
export interface Limits {
  /**
   * Largest size of a request's head, and of its trailers, in bytes. Beyond it: 431, or 414 for the first line.
   * Default: 32 KiB.
   */
  readonly headBytes: number
  /** Most fields in a request's head, and in its trailers. Beyond it: 431. Default: 128. */
  readonly headerCount: number
  /** Largest size of a response's head, and of its trailers, in bytes. Beyond it: 502. Default: 32 KiB. */
  readonly responseHeadBytes: number
  /** Most fields in a response's head, and in its trailers. Beyond it: 502. Default: 128. */
  readonly responseHeaderCount: number
  /**
   * Bytes that each connection may keep without counting: the head of its request and bytes that were read ahead. What
   * a connection keeps beyond that counts towards {@link keptTotalBytes}. Default: 4 KiB.
   */
  readonly keptFreeBytes: number
  /**
   * Bytes beyond {@link keptFreeBytes} that all connections together may keep. When they are used up, the connections
   * that have kept bytes longest release them: an incomplete head gets a 503 with Retry-After, and pipelined requests
   * are dropped (the connection closes after the current response). If that is not enough, a new request gets the 503.
   * Default: 64 MiB.
   */
  readonly keptTotalBytes: number
  /** Most interim responses (1xx) to one request. Beyond it: 502. Default: 32. */
  readonly interimResponses: number
  /** Most client connections at one time. The next one gets a 503. Default: 10,000. */
  readonly connections: number
  /**
   * Longest time from the first byte of a head (for a new connection: from its start) to its last byte. Beyond it: 408.
   * Default: 10 s.
   */
  readonly headMs: number
  /** Longest time between two requests of one connection. Then the connection is closed. Default: 75 s. */
  readonly idleMs: number
  /** Longest time to connect to one candidate. Then the next one is tried. After the last: 504. Default: 3 s. */
  readonly upstreamConnectMs: number
  /**
   * Longest time from the end of the request to the head of the response, or to the 100 (Continue) for which the client
   * waits, and longest time in which the upstream takes no byte of the body. Beyond it: 504. Default: 120 s.
   */
  readonly upstreamResponseMs: number
  /**
   * Longest time without a byte of a request's body that the client still has to send. Beyond it: 408. Default: 60 s,
   * like nginx's client_body_timeout.
   */
  readonly requestProgressMs: number
  /**
   * A client that ends its direction (a FIN) within this time after its request only sends nothing more, and still gets
   * its response. Clients that a pipe feeds do this (`printf … | socat`). A client that ends its direction later has
   * left, and its upstream connection is ended at once. With 0, every FIN counts as a departure. Default: 100 ms.
   */
  readonly halfCloseMs: number
  /**
   * Longest time without a byte of the response for a client that has half-closed in this manner, because it may have
   * left as well. Default: 10 s.
   */
  readonly halfClosedMs: number
  /**
   * Longest time without a byte of a response's body sent or received. Beyond it, both ends are cut off. Default: 300
   * s.
   */
  readonly responseProgressMs: number
  /**
   * Longest time to keep an unused upstream connection. It is below the 5 s after which Node's servers close theirs.
   * Default: 4 s.
   */
  readonly poolIdleMs: number
  /**
   * Longest unused time of a connection that takes a request that cannot be repeated (POST), because an older
   * connection may be stale. Default: 1 s.
   */
  readonly poolUnsafeIdleMs: number
  /**
   * A kept connection that ends (a FIN) within this time after a request was written to it was most likely stale. A
   * request that is safe to repeat is then sent again over a new connection. After this time, the request counts as
   * received. A connection that is reset was stale at any time, because its peer had not read the request. A process
   * that stood still notices an end late, and so judges it as later than it was: the time must cover that. Too long a
   * time costs one repetition of a safe request, too short a time its failure. Default: 1 s.
   */
  readonly poolStaleMs: number
  /** Most unused connections to keep for one upstream. Default: 256. */
  readonly poolSize: number
  /** Most unused connections to keep in total. Default: 2,048. */
  readonly poolTotal: number
  /** Most bytes to read ahead from a client while its request has no response. Default: 16 KiB. */
  readonly heldBytes: number
  /**
   * After the last response: longest time without a byte from the client before its connection is cut off. Default: 2
   * s.
   */
  readonly lingerMs: number
  /**
   * After the last response: longest total time in which the rest of an unwanted body is read and dropped. Default: 30
   * s.
   */
  readonly lingerTotalMs: number
  /** Longest time without a byte in either direction of an upgraded connection or a {@link pipe}. Default: 1 h. */
  readonly pipeIdleMs: number
  /** At stop: longest time for running exchanges and upgraded connections to end. Default: 30 s. */
  readonly drainMs: number
  /** At stop: longest time for an idle connection, whose next request may already be on its way. Default: 500 ms. */
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
  poolStaleMs: 1_000,
  poolSize: 256,
  poolTotal: 2_048,
  heldBytes: 16 * 1024,
  lingerMs: 2_000,
  lingerTotalMs: 30_000,
  pipeIdleMs: PIPE_IDLE_MS,
  drainMs: 30_000,
  drainIdleMs: 500,
}
