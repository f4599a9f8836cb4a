/** Limits of access to circuits. */
export interface AccessLimits {
  /** Failed tokens and codes of one address (IPv6: of one /64) within `failedMs`. Then it gets 429. Default: 20. */
  readonly failed: number
  /** The time in which failures count, from the first one. Default: 60 s. */
  readonly failedMs: number
  /** Addresses whose failures are remembered. The oldest is forgotten for a new one. Default: 10,000. */
  readonly failedAddresses: number
  /** Longest time for the coordinator to exchange a code. Default: 5 s. */
  readonly redeemMs: number
  /** Codes that are exchanged at a time. Further ones get 503. Default: 256. */
  readonly redeeming: number
  /** How long a browser may take to come back with a code. Default: 10 min. */
  readonly stateMs: number
  /** How long a new session is valid before the table contains it. Default: 30 s. */
  readonly newSessionMs: number
  /** New or ended sessions that are remembered until the table knows. Default: 10,000. */
  readonly rememberedSessions: number
}

/** The defaults of {@link AccessLimits}. */
export const DEFAULT_ACCESS_LIMITS: AccessLimits = {
  failed: 20,
  failedMs: 60_000,
  failedAddresses: 10_000,
  redeemMs: 5_000,
  redeeming: 256,
  stateMs: 600_000,
  newSessionMs: 30_000,
  rememberedSessions: 10_000,
}
