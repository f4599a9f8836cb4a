import { DEFAULT_PUBLISHER_LIMITS, type PublisherLimits } from '../../pushed/limits.ts'

/** The limits of a sidecar's connection, and the timeouts of its steps. */
export interface PushLimits extends PublisherLimits {
  /** The maximum sidecars connected at once. More are refused with 503. Default: 10,000. */
  readonly maxConnections: number
  /** The maximum connections that have not sent their request yet. The oldest one makes room. Default: 2,048. */
  readonly maxWaiting: number
  /** The same for one address, which may be a node's if pods' addresses are translated. Default: 256. */
  readonly maxWaitingPerAddress: number
  /** From a connection's start to the end of its request's head. Default: 5 s. */
  readonly headTimeoutMs: number
  /** How long a refused peer has to read its response and close before it is cut. Default: 1 s. */
  readonly refusedTimeoutMs: number
  /** The maximum tokens under review at once. More are refused with 503. Default: 256. */
  readonly maxReviews: number
  /** The maximum bytes of a sidecar's message. More closes the connection with 1009. Default: 16 KiB. */
  readonly maxMessageBytes: number
  /** How long the review of a token may take. Default: 5 s. */
  readonly reviewTimeoutMs: number
  /**
   * How long a token waits until its pod's address is known. After that it is refused with 503. Shorter than a
   * sidecar waits for its response. Default: 3 s.
   */
  readonly podKnownTimeoutMs: number
  /** The maximum tokens that wait like that at once. More are refused with 503. Default: 1,024. */
  readonly maxUnknownPods: number
  /** How many hops one pod may report per second. More are dropped and counted. Default: 100. */
  readonly hopsPerSecond: number
  /** How many queries of a trace's hops one pod may send per second. More get no response. Default: 10. */
  readonly hopQueriesPerSecond: number
}

export const DEFAULT_PUSH_LIMITS: PushLimits = {
  ...DEFAULT_PUBLISHER_LIMITS,
  maxConnections: 10_000,
  maxWaiting: 2_048,
  maxWaitingPerAddress: 256,
  headTimeoutMs: 5_000,
  refusedTimeoutMs: 1_000,
  maxReviews: 256,
  maxMessageBytes: 16 * 1024,
  reviewTimeoutMs: 5_000,
  podKnownTimeoutMs: 3_000,
  maxUnknownPods: 1_024,
  hopsPerSecond: 100,
  hopQueriesPerSecond: 10,
}
