/** What a subscriber's connection may cost, and how long each of its steps may take. */
export interface PublisherLimits {
  /** The most bytes that wait for a slow subscriber before it is dropped. Default: 16 MiB. */
  readonly maxBufferedBytes: number
  /** How long a subscriber may take to say hello. Default: 5 s. */
  readonly helloTimeoutMs: number
  /** Between two pings; a subscriber that has not answered one by the next is dropped. Default: 10 s. */
  readonly pingIntervalMs: number
  /** How long a connection that we close has to answer before it is cut. Default: 1 s. */
  readonly closeTimeoutMs: number
}

export const DEFAULT_PUBLISHER_LIMITS: PublisherLimits = {
  maxBufferedBytes: 16 * 1024 * 1024,
  helloTimeoutMs: 5_000,
  pingIntervalMs: 10_000,
  closeTimeoutMs: 1_000,
}
