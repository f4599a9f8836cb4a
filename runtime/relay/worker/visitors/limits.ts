import type { ResponseWaits } from '../../../proxy/decision.ts'

/** Limits of requests for the pages of coordinators. */
export interface CoordinatorPageLimits {
  /** The maximum running requests. Further ones get 503. Default: 64. */
  readonly running: number
  /** How long to wait for a coordinator. Default: 10 s each. */
  readonly waits: ResponseWaits
}

/** The defaults of {@link CoordinatorPageLimits}. */
export const DEFAULT_COORDINATOR_PAGE_LIMITS: CoordinatorPageLimits = {
  running: 64,
  waits: { upstreamResponseMs: 10_000, responseProgressMs: 10_000 },
}
