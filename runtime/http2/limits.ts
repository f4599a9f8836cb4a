/** Every bound and every wait of the HTTP/2 engine. Times are exact to the tick of its clock. */
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
  /** Streams that a client may reset at once, and then per second (CVE-2023-44487): GOAWAY. Default: 500. */
  readonly resetBurst: number
  /** Default: 100. */
  readonly resetsPerSecond: number
  /** PING and SETTINGS frames of one connection at once, and then per second: GOAWAY (ENHANCE_YOUR_CALM). Default: 500. */
  readonly controlBurst: number
  /** Default: 50. */
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
  /** Without one octet of a request's body that the client owes: 408; not for gRPC. Default: 30 s. */
  readonly requestProgressMs: number
  /** Without one octet of a response's body; for gRPC only where the client does not read on. Default: 300 s. */
  readonly responseProgressMs: number
  /** A gRPC call without an octet either way: its messages may be far apart. Default: 1 h. */
  readonly callIdleMs: number
  /** For a client to end its request once it was answered; the rest is read and dropped until then. Default: 2 s. */
  readonly lingerMs: number
  /** Octets of a request's body that are kept until it is answered, to be sent again where that is safe. Default: 16 KiB. */
  readonly replayBytes: number
  /** Between two looks at a connection with streams, whether it is still one. Default: 10 s. */
  readonly probeMs: number
  /** How long an unused upstream connection is kept. Default: 60 s. */
  readonly poolIdleMs: number
  /** Connections to one upstream, where its own limit of streams asks for more than one: 503. Default: 32. */
  readonly poolSessions: number
  /** At stop: between the first GOAWAY and the one that ends new streams. Default: 500 ms. */
  readonly drainIdleMs: number
  /** At stop: for running streams to end. Default: 30 s. */
  readonly drainMs: number
}

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
  resetBurst: 500,
  resetsPerSecond: 100,
  controlBurst: 500,
  controlsPerSecond: 50,
  headMs: 10_000,
  idleMs: 600_000,
  upstreamConnectMs: 3_000,
  upstreamHelloMs: 30_000,
  upstreamResponseMs: 120_000,
  requestProgressMs: 30_000,
  responseProgressMs: 300_000,
  callIdleMs: 3_600_000,
  lingerMs: 2_000,
  replayBytes: 16 * 1024,
  probeMs: 10_000,
  poolIdleMs: 60_000,
  poolSessions: 32,
  drainIdleMs: 500,
  drainMs: 30_000,
}
