/**
 * Every bound and every wait of the HTTP/2 engine. Times are exact to the tick of its clock.
 * To let people set a field, add a line to the table of settings (`runtime/wire/settings/table.ts`) with `http2.<field>`.
 */
export interface Http2Limits {
  /** Client connections at one time; the next one gets a GOAWAY (ENHANCE_YOUR_CALM). Default: 10,000. */
  readonly connections: number
  /** Streams of one connection at one time (SETTINGS_MAX_CONCURRENT_STREAMS). Default: 128. */
  readonly streams: number
  /** Streams of all connections; the next one gets REFUSED_STREAM, which is safe to repeat. Default: 20,000. */
  readonly streamsTotal: number
  /** Octets of a head or of trailers, 32 for each field included (SETTINGS_MAX_HEADER_LIST_SIZE). Default: 32 KiB. */
  readonly headBytes: number
  /** Fields of a head, and of trailers. Default: 128. */
  readonly headerCount: number
  /** Interim responses (1xx) to one request: 502. Default: 32. */
  readonly interimResponses: number
  /** Octets that a peer may send on one stream before we have passed them on. Default: 64 KiB - 1. */
  readonly streamWindow: number
  /** The same for all streams of one connection. Default: 1 MiB. */
  readonly connectionWindow: number
  /** What node:http2 may keep for one connection, in 10^6 octets; above it new streams are refused. Default: 32. */
  readonly sessionMemoryMb: number
  /**
   * Streams that a client may reset early at one time: without a response, and before {@link earlyResetMs} have
   * passed (CVE-2023-44487). Beyond the limit its new streams get REFUSED_STREAM; a client that goes on as fast
   * gets a GOAWAY (ENHANCE_YOUR_CALM). Other resets are free. Default: 1,000.
   */
  readonly resetBurst: number
  /** The same per second, once the burst is used up. Default: 500. */
  readonly resetsPerSecond: number
  /** A stream that lived longer is bounded by {@link streams} alone, so its reset is free. Default: 1 s. */
  readonly earlyResetMs: number
  /**
   * PING and SETTINGS frames of one connection at one time: GOAWAY (ENHANCE_YOUR_CALM). For each frame of DATA or
   * HEADERS that moves on the connection one PING is free, since gRPC clients ping to measure their link.
   * Default: 500.
   */
  readonly controlBurst: number
  /** The same per second, once the burst is used up. Default: 50. */
  readonly controlsPerSecond: number
  /** From a connection's start to its preface and SETTINGS; it is then cut. Default: 10 s. */
  readonly headMs: number
  /** A connection without a stream; it then gets a GOAWAY. Default: 10 min. */
  readonly idleMs: number
  /** To reach one candidate; the next one is tried then. Default: 3 s. */
  readonly upstreamConnectMs: number
  /** From there to its SETTINGS: an app that stands at a breakpoint has not gone. Default: 30 s. */
  readonly upstreamHelloMs: number
  /** From the end of the request to the response's head: 504; not for gRPC, which has deadlines of its own. Default: 120 s. */
  readonly upstreamResponseMs: number
  /** Without one octet of a request's body that the client owes: 408; not for gRPC. Default: 60 s. */
  readonly requestProgressMs: number
  /**
   * For a client not to read its response, before the connection to the upstream takes no new streams. An app
   * may buffer such a response and refuse streams of the same connection. Default: 2 s.
   */
  readonly heldMs: number
  /** Without one octet of a response's body; for gRPC only where the client does not read on. Default: 300 s. */
  readonly responseProgressMs: number
  /** A gRPC call without an octet either way: its messages may be far apart. Default: 1 h. */
  readonly callIdleMs: number
  /**
   * For a client to end its request after a complete response, where the upstream takes no more of it: the rest is
   * read and dropped, then RST_STREAM(NO_ERROR). Default: 2 s.
   */
  readonly lingerMs: number
  /** Octets of a request's body that are kept until it is answered, to be sent again where that is safe. Default: 16 KiB. */
  readonly replayBytes: number
  /** Between two looks at a connection with streams, whether it is still one. Default: 10 s. */
  readonly probeMs: number
  /** How long an unused upstream connection is kept. Default: 60 s. */
  readonly poolIdleMs: number
  /**
   * Streams that are reset on one upstream connection before another one takes its place. Servers end a
   * connection after about 1,000 (nghttp2, and so Node) or 500 (Envoy). Default: 400.
   */
  readonly upstreamResets: number
  /**
   * Bytes of a response that its client abandons, from which on its upstream connection takes no new streams: an app
   * may keep what it had buffered of the rest, and refuse streams in the end. Default: 32 KiB.
   */
  readonly abandonedBytes: number
  /** Connections to one upstream, where its own limit of streams asks for more than one: 503. As many more may end. Default: 32. */
  readonly poolSessions: number
  /** At stop: between the first GOAWAY and the one that ends new streams. Default: 500 ms. */
  readonly drainIdleMs: number
  /** At stop: for running streams to end. Default: 30 s. */
  readonly drainMs: number
}

/** What routing may add to a head: keys, ids, and fields that say who asked. */
const ADDED_BYTES = 32 * 1024

/**
 * The longest head or trailers that we send: those that we read, and what we add. By default nghttp2 sends none of
 * more than 64 KiB: it fails the stream for a head, and leaves out trailers without a word.
 */
export const sentHeadBytes = ({ headBytes }: Http2Limits): number => headBytes + ADDED_BYTES

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
