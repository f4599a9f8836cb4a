/** The times of a leader election, as client-go names them. */
export interface LeaseLimits {
  /** How long the others wait for a leader that says nothing more. Whole seconds. */
  readonly leaseDurationSeconds: number
  /** How long a leader tries to renew before it gives up leading; less than the lease's duration. */
  readonly renewDeadlineMs: number
  /** The wait between two tries, to renew and to acquire. */
  readonly retryPeriodMs: number
  /** How long one request may take; the renewal's deadline cuts it short. */
  readonly requestTimeoutMs: number
}

/** A dead leader is followed within 5 to 6 s, one that was asked to stop within about 1 s. */
export const DEFAULT_LEASE_LIMITS: LeaseLimits = {
  leaseDurationSeconds: 5,
  renewDeadlineMs: 3_000,
  retryPeriodMs: 1_000,
  requestTimeoutMs: 2_000,
}
