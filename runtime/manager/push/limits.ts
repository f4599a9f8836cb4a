/** What a sidecar's connection may cost, and how long each of its steps may take. */
export interface PushLimits {
  /** The most sidecars connected at once; more are refused with 503. Default: 10,000. */
  readonly maxConnections: number
  /** The most connections that have not sent their request yet; the oldest one makes room. Default: 2,048. */
  readonly maxWaiting: number
  /** The same for one address, which may be a node's where pods' addresses are translated. Default: 256. */
  readonly maxWaitingPerAddress: number
  /** From a connection's start to the end of its request's head. Default: 5 s. */
  readonly headTimeoutMs: number
  /** For a refused peer to read its answer and to close, before it is cut. Default: 1 s. */
  readonly refusedTimeoutMs: number
  /** The most tokens under review at once; more are refused with 503. Default: 256. */
  readonly maxReviews: number
  /** The most octets of a sidecar's message; more closes with 1009. Default: 16 KiB. */
  readonly maxMessageBytes: number
  /** The most octets that wait for a slow sidecar before it is dropped. Default: 16 MiB. */
  readonly maxBufferedBytes: number
  /** How long the review of a token may take. Default: 5 s. */
  readonly reviewTimeoutMs: number
  /**
   * How long a token waits for the news of its pod's address; 503 then. Shorter than a sidecar waits for its
   * answer. Default: 3 s.
   */
  readonly podKnownTimeoutMs: number
  /** The most tokens that wait so at once; more are refused with 503. Default: 1,024. */
  readonly maxUnknownPods: number
  /** Hops that one pod may report per second; more are dropped and counted. Default: 100. */
  readonly hopsPerSecond: number
  /** Questions for the hops of a trace of one pod per second; more get no answer. Default: 10. */
  readonly hopQuestionsPerSecond: number
  /** How long a sidecar may take to say hello. Default: 5 s. */
  readonly helloTimeoutMs: number
  /** Between two pings; a sidecar that has not answered one by the next is dropped. Default: 10 s. */
  readonly pingIntervalMs: number
  /** How long a connection that we close has to answer, also when the manager ends; it is cut then. Default: 1 s. */
  readonly closeTimeoutMs: number
}

export const DEFAULT_PUSH_LIMITS: PushLimits = {
  maxConnections: 10_000,
  maxWaiting: 2_048,
  maxWaitingPerAddress: 256,
  headTimeoutMs: 5_000,
  refusedTimeoutMs: 1_000,
  maxReviews: 256,
  maxMessageBytes: 16 * 1024,
  maxBufferedBytes: 16 * 1024 * 1024,
  reviewTimeoutMs: 5_000,
  podKnownTimeoutMs: 3_000,
  maxUnknownPods: 1_024,
  hopsPerSecond: 100,
  hopQuestionsPerSecond: 10,
  helloTimeoutMs: 5_000,
  pingIntervalMs: 10_000,
  closeTimeoutMs: 1_000,
}
