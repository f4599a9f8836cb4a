/** Limits of the API. */
export interface ApiLimits {
  /** Largest body of a request, in bytes. Default: 1 MiB. */
  readonly bodyBytes: number
  /** Longest time to receive a body, in milliseconds. Default: 10 s. */
  readonly bodyMs: number
  /** Failed authentications of one address per {@link failureWindowMs} before it gets 429. Default: 20. */
  readonly failures: number
  /** Default: 60 s. */
  readonly failureWindowMs: number
  /** Addresses whose failures are counted. The oldest is forgotten. Default: 10,000. */
  readonly failingAddresses: number
  /** How long the answer to a request with an idempotency key is stored. Default: 24 h. */
  readonly idempotencyMs: number
  /** How long such a request may run before another coordinator may repeat it. Default: 60 s. */
  readonly runningMs: number
  /** Event streams at the same time. Default: 200. */
  readonly streams: number
  /** Events of one query for a stream. Default: 200. */
  readonly eventBatch: number
  /** Time between two reads of changed statuses, for all streams. Default: 1 s. */
  readonly statusEveryMs: number
  /** Time between comments that keep an idle stream open. Default: 15 s. */
  readonly streamPingMs: number
  /** How long a request may wait for the database before readiness says no. Default: 2 s. */
  readonly healthMs: number
}

/** The defaults of {@link ApiLimits}. */
export const DEFAULT_API_LIMITS: ApiLimits = {
  bodyBytes: 1024 * 1024,
  bodyMs: 10_000,
  failures: 20,
  failureWindowMs: 60_000,
  failingAddresses: 10_000,
  idempotencyMs: 86_400_000,
  runningMs: 60_000,
  streams: 200,
  eventBatch: 200,
  statusEveryMs: 1_000,
  streamPingMs: 15_000,
  healthMs: 2_000,
}
