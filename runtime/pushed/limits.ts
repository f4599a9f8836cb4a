/** What a subscriber's connection may cost, and how long each of its steps may take. */
export interface PublisherLimits {
  /** The most bytes that wait for a slow subscriber before it is dropped. Default: 16 MiB. */
  readonly maxBufferedBytes: number
  /** How long a subscriber may take to say hello. Default: 5 s. */
  readonly helloTimeoutMs: number
  /** Between two pings. Default: 10 s. */
  readonly pingIntervalMs: number
  /** How long a subscriber may take to answer a ping before it is dropped. Default: until the next ping. */
  readonly pongTimeoutMs?: number
  /** How many further pings follow at once before that. Default: 0. */
  readonly pingRetries?: number
  /** How long a connection that we close has to answer before it is cut. Default: 1 s. */
  readonly closeTimeoutMs: number
}

export const DEFAULT_PUBLISHER_LIMITS: PublisherLimits = {
  maxBufferedBytes: 16 * 1024 * 1024,
  helloTimeoutMs: 5_000,
  pingIntervalMs: 10_000,
  closeTimeoutMs: 1_000,
}
