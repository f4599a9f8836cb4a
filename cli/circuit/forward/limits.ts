/** Limits of `branchline circuit forward`. */
export interface ForwardLimits {
  /** Most local connections at a time. Further ones are closed at once. Default: 256. */
  readonly connections: number
  /** How long a local connection waits for the link, and then for the target. Default: 10 s. */
  readonly connectMs: number
  /** A connection without a byte is cut off after this time. Default: 1 h. */
  readonly idleMs: number
  /** The wait between two attempts to reach the relay. Default: 100 ms, doubled up to 10 s. */
  readonly backoff: { readonly firstMs: number; readonly maxMs: number }
}

/** The defaults of {@link ForwardLimits}. */
export const DEFAULT_FORWARD_LIMITS: ForwardLimits = {
  connections: 256,
  connectMs: 10_000,
  idleMs: 3_600_000,
  backoff: { firstMs: 100, maxMs: 10_000 },
}
