/**
 * All limits of the HTTP/2 engine. Times are exact to the tick of its clock. To let users set a field, add a line with
 * `http2.<field>` to the table of settings (`runtime/wire/settings/table.ts`).
 */
export interface Http2Limits {
  /** Most client connections at one time. The next one gets a GOAWAY (ENHANCE_YOUR_CALM). Default: 10,000. */
  readonly connections: number
  /** Most streams of one connection at one time (SETTINGS_MAX_CONCURRENT_STREAMS). Default: 128. */
  readonly streams: number
  /** Most streams of all connections. The next one gets REFUSED_STREAM, which is safe to repeat. Default: 20,000. */
  readonly streamsTotal: number
  /**
   * Largest size of a head or of trailers in bytes, including 32 for each field (SETTINGS_MAX_HEADER_LIST_SIZE).
   * Default: 32 KiB.
   */
  readonly headBytes: number
  /** Most fields in a head, and in trailers. Default: 128. */
  readonly headerCount: number
  /** The same of a response. Beyond it: 502. Default: {@link headBytes}. */
  readonly responseHeadBytes?: number
  /** The same of a response. Default: {@link headerCount}. */
  readonly responseHeaderCount?: number
  /** Most interim responses (1xx) to one request. Beyond it: 502. Default: 32. */
  readonly interimResponses: number
  /** Bytes that a peer may send on one stream before we have passed them on. Default: 64 KiB - 1. */
  readonly streamWindow: number
  /** The same for all streams of one connection. Default: 1 MiB. */
  readonly connectionWindow: number
  /**
   * Memory that node:http2 may keep for one connection, in 10^6 bytes. Above it, new streams are refused. Default: 32.
   */
  readonly sessionMemoryMb: number
  /**
   * Streams that a client may reset early at one time: without a response, and within {@link earlyResetMs}
   * (CVE-2023-44487). Beyond the limit, its new streams get REFUSED_STREAM. A client that continues at the same rate
   * gets a GOAWAY (ENHANCE_YOUR_CALM). Other resets are free. Default: 1,000.
   */
  readonly resetBurst: number
  /** The same per second, once the burst is used up. Default: 500. */
  readonly resetsPerSecond: number
  /**
   * A reset counts as early within this time. An older stream is limited by {@link streams} alone, so its reset is
   * free. Default: 1 s.
   */
  readonly earlyResetMs: number
  /**
   * PING and SETTINGS frames of one connection at one time. Beyond the limit: GOAWAY (ENHANCE_YOUR_CALM). Each DATA or
   * HEADERS frame that moves on the connection makes one PING free, because gRPC clients ping to measure their link.
   * Default: 500.
   */
  readonly controlBurst: number
  /** The same per second, once the burst is used up. Default: 50. */
  readonly controlsPerSecond: number
  /** Longest time from the start of a connection to its preface and SETTINGS. Then it is cut off. Default: 10 s. */
  readonly headMs: number
  /** Longest time without a stream. Then the connection gets a GOAWAY. Default: 10 min. */
  readonly idleMs: number
  /** Longest time to connect to one candidate. Then the next one is tried. Default: 3 s. */
  readonly upstreamConnectMs: number
  /**
   * Longest time from the connection to the upstream's SETTINGS. An app that is stopped at a breakpoint has not gone.
   * Default: 30 s.
   */
  readonly upstreamHelloMs: number
  /**
   * Longest time from the end of the request to the head of the response. Beyond it: 504. It does not apply to gRPC,
   * which has its own deadlines. Default: 120 s.
   */
  readonly upstreamResponseMs: number
  /**
   * Longest time without a byte of a request's body that the client still has to send. Beyond it: 408. It does not
   * apply to gRPC. Default: 60 s.
   */
  readonly requestProgressMs: number
  /**
   * Time without reading by a client, after which the connection to the upstream takes no new streams. An app may
   * buffer such a response and refuse streams of the same connection. Default: 2 s.
   */
  readonly heldMs: number
  /**
   * Longest time without a byte of a response's body. For gRPC, it applies only if the client does not read. Default:
   * 300 s.
   */
  readonly responseProgressMs: number
  /** Longest time without a byte in either direction of a gRPC call, whose messages may be far apart. Default: 1 h. */
  readonly callIdleMs: number
  /**
   * Longest time for a client to end its request after a complete response if the upstream takes no more of it. The
   * rest is read and dropped, then RST_STREAM(NO_ERROR) follows. Default: 2 s.
   */
  readonly lingerMs: number
  /**
   * Bytes of a request's body that are kept until there is a response, to be sent again if that is safe. Default: 16
   * KiB.
   */
  readonly replayBytes: number
  /** Time between two checks that a connection with streams is alive. Default: 10 s. */
  readonly probeMs: number
  /** Longest time to keep an unused upstream connection. Default: 60 s. */
  readonly poolIdleMs: number
  /**
   * Resets of streams on one upstream connection before another one replaces it. Servers end a connection after about
   * 1,000 resets (nghttp2, and so Node) or 500 (Envoy). Default: 400.
   */
  readonly upstreamResets: number
  /**
   * Bytes of an abandoned response at which its upstream connection takes no new streams. An app may keep what it had
   * buffered of the rest, and finally refuse streams. Default: 32 KiB.
   */
  readonly abandonedBytes: number
  /**
   * Most connections to one upstream, if its own limit of streams requires more than one. Beyond it: 503. The same
   * number may be ending. Default: 32.
   */
  readonly poolSessions: number
  /** At stop: time between the first GOAWAY and the one that refuses new streams. Default: 500 ms. */
  readonly drainIdleMs: number
  /** At stop: longest time for running streams to end. Default: 30 s. */
  readonly drainMs: number
}

/** Bytes that routing may add to a head: keys, ids, and fields that name the client. */
const ADDED_BYTES = 32 * 1024

/**
 * Returns the largest size of a head or of trailers that we send, in bytes: those that we read, and what we add. By
 * default, nghttp2 sends at most 64 KiB: for a larger head it fails the stream, and it drops larger trailers silently.
 */
export const sentHeadBytes = (limits: Http2Limits): number =>
  Math.max(limits.headBytes, responseHeadBytes(limits)) + ADDED_BYTES

/** Returns the largest size of a response's head or trailers that we read, in bytes. */
export const responseHeadBytes = (limits: Http2Limits): number => limits.responseHeadBytes ?? limits.headBytes

/** The defaults of {@link Http2Limits}. */
export const DEFAULT_HTTP2_LIMITS: Http2Limits = {
  connections: 10_000,
  streams: 128,
  streamsTotal: 20_000,
  headBytes: 32 * 1024,
  headerCount: 128,
  interimResponses: 32,
  streamWindow: 65_535,
  connectionWindow: 1024 * 1024,
  sessionMemoryMb: 32,
  resetBurst: 1_000,
  resetsPerSecond: 500,
  earlyResetMs: 1_000,
  controlBurst: 500,
  controlsPerSecond: 50,
  headMs: 10_000,
  idleMs: 600_000,
  upstreamConnectMs: 3_000,
  upstreamHelloMs: 30_000,
  upstreamResponseMs: 120_000,
  requestProgressMs: 60_000,
  heldMs: 2_000,
  responseProgressMs: 300_000,
  callIdleMs: 3_600_000,
  lingerMs: 2_000,
  replayBytes: 16 * 1024,
  probeMs: 10_000,
  poolIdleMs: 60_000,
  upstreamResets: 400,
  abandonedBytes: 32 * 1024,
  poolSessions: 32,
  drainIdleMs: 500,
  drainMs: 30_000,
}
