import type { BackoffLimits } from '../../../../process/backoff.ts'

/** The limits of ordering certificates by ACME. */
export interface AcmeLimits {
  /** How often the vault is read, and certificates that are due are ordered. Default: 1 min. */
  readonly refreshMs: number
  /** How long an order may take. Default: 5 min. */
  readonly orderMs: number
  /** How long a request to the authority may take. Default: 30 s. */
  readonly requestMs: number
  /** How long to wait between questions for the state of an order. Default: 2 s to 15 s, 15 times. */
  readonly poll: BackoffLimits & { readonly attempts: number }
  /** How long to wait after an order that failed. Default: 5 min to 12 h. */
  readonly retry: BackoffLimits
  /** How long the hook for DNS may take. Default: 5 min. */
  readonly hookMs: number
  /** The maximum names for which certificates are ordered at their first use. Default: 1,000. */
  readonly names: number
}

export const DEFAULT_ACME_LIMITS: AcmeLimits = {
  refreshMs: 60_000,
  orderMs: 300_000,
  requestMs: 30_000,
  poll: { firstMs: 2_000, maxMs: 15_000, attempts: 15 },
  retry: { firstMs: 300_000, maxMs: 43_200_000 },
  hookMs: 300_000,
  names: 1_000,
}
