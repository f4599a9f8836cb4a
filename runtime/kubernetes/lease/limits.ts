/** The times of a leader election, as client-go names them. */
export interface LeaseLimits {
  /** How long the other candidates wait for a silent leader. Whole seconds. */
  readonly leaseDurationSeconds: number
  /** How long a leader tries to renew before it stops leading. Must be less than the lease's duration. */
  readonly renewDeadlineMs: number
  /** The wait between two attempts to renew or acquire the lease. */
  readonly retryPeriodMs: number
  /** How long one request may take. The renewal deadline can cut it short. */
  readonly requestTimeoutMs: number
}

/** Another candidate takes over 5 to 6 s after a leader dies, and about 1 s after a leader is told to stop. */
export const DEFAULT_LEASE_LIMITS: LeaseLimits = {
  leaseDurationSeconds: 5,
  renewDeadlineMs: 3_000,
  retryPeriodMs: 1_000,
  requestTimeoutMs: 2_000,
}
