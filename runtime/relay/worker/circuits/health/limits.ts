/** How workers check targets, where a circuit leaves it open. */
export interface CheckLimits {
  /** Default: 5 s. */
  readonly intervalMs: number
  /** Default: 2 s. */
  readonly timeoutMs: number
  /** Failed checks in a row that are tolerated. Default: 3. */
  readonly retries: number
  /** The maximum checks at a time. Further ones wait. Default: 64. */
  readonly checks: number
  /** The first check of a target is within this time. Default: 500 ms. */
  readonly firstMs: number
  /** The shortest interval, whatever a circuit says. Default: 100 ms. */
  readonly minIntervalMs: number
  /** The largest part of the head of a response that is read, in bytes. Default: 4 KiB. */
  readonly headBytes: number
}

export const DEFAULT_CHECK_LIMITS: CheckLimits = {
  intervalMs: 5_000,
  timeoutMs: 2_000,
  retries: 3,
  checks: 64,
  firstMs: 500,
  minIntervalMs: 100,
  headBytes: 4 * 1024,
}
