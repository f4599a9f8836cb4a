/** What a sidecar's connection may cost, and how long each of its steps may take. */
export interface PushLimits {
  /** The most connections at once. Default: 10,000. */
  readonly maxConnections: number
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
  /** How long a sidecar may take to say hello. Default: 5 s. */
  readonly helloTimeoutMs: number
  /** Between two pings; a sidecar that has not answered one by the next is dropped. Default: 10 s. */
  readonly pingIntervalMs: number
  /** How long connections have to close when the manager ends. Default: 1 s. */
  readonly closeTimeoutMs: number
}

export const DEFAULT_PUSH_LIMITS: PushLimits = {
  maxConnections: 10_000,
  maxReviews: 256,
  maxMessageBytes: 16 * 1024,
  maxBufferedBytes: 16 * 1024 * 1024,
  reviewTimeoutMs: 5_000,
  podKnownTimeoutMs: 3_000,
  maxUnknownPods: 1_024,
  helloTimeoutMs: 5_000,
  pingIntervalMs: 10_000,
  closeTimeoutMs: 1_000,
}
