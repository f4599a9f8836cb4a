import { DEFAULT_SUBSCRIPTION_LIMITS, type SubscriptionLimits } from '../../../pushed/subscription.ts'

/** Limits of a worker's connection to its coordinator. */
export interface UpstreamLimits {
  /** The connection. A silent coordinator is noticed within 12 s. The waits between tries grow from 100 ms to 2 s. */
  readonly subscription: SubscriptionLimits
  /** Between two heartbeats. Default: 5 s. */
  readonly heartbeatMs: number
  /** How long the exchange of a one-time code may take. Default: 5 s. */
  readonly redeemMs: number
  /** The most exchanges of codes at a time. Further ones are refused. Default: 256. */
  readonly redeems: number
  /** The minimum time between two writes of the last table to disk. Default: 1 s. */
  readonly saveMs: number
  /** The maximum size of the file with the last table. A larger one is not read. Default: 256 MiB. */
  readonly fileBytes: number
  /** How long one attempt to join may take. Default: 5 s. */
  readonly joinMs: number
  /** The most bytes of reports that wait to be sent. Further ones are dropped, and the state is sent again later. Default: 16 MiB. */
  readonly unsentBytes: number
}

/** The defaults of {@link UpstreamLimits}. */
export const DEFAULT_UPSTREAM_LIMITS: UpstreamLimits = {
  subscription: { ...DEFAULT_SUBSCRIPTION_LIMITS, backoff: { firstMs: 100, maxMs: 2_000 } },
  heartbeatMs: 5_000,
  redeemMs: 5_000,
  redeems: 256,
  saveMs: 1_000,
  fileBytes: 256 * 1024 * 1024,
  joinMs: 5_000,
  unsentBytes: 16 * 1024 * 1024,
}
