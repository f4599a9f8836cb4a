import type { BackoffLimits } from '../../../process/backoff.ts'
import { DEFAULT_PUBLISHER_LIMITS, type PublisherLimits } from '../../../pushed/limits.ts'

/** Limits of the workers' connections, and of what they report. */
export interface WorkersLimits {
  /**
   * How soon the loss of a worker is noticed, and what its connection may cost. A ping every 5 s, with 2 s for the
   * answer and three further ones at once, notices the loss within 13 s.
   */
  readonly publisher: PublisherLimits
  /** The maximum connections of workers. Default: 1,000. */
  readonly accepted: number
  /** How long a refused worker has to read its response. Default: 1 s. */
  readonly refusedMs: number
  /** How long a new leader waits for the workers of the previous one before it counts them as lost. Default: 15 s. */
  readonly absentMs: number
  /** Between two writes of what changes all the time: load, requests, last access. Default: 5 s. */
  readonly saveMs: number
  /** How long changes of statuses are gathered into one write. Default: 50 ms. */
  readonly gatherMs: number
  /** How often idle and drained circuits are removed. Default: 5 s. */
  readonly idleEveryMs: number
  /** How long open connections count as use that a worker has reported before it was cut off. Default: 1 d. */
  readonly silentMs: number
  /** How often expired sessions, codes and stored answers are deleted. Default: 2 min. */
  readonly cleanEveryMs: number
  /** The waits after a failed read or write of the database. Default: 100 ms to 5 s. */
  readonly retry: BackoffLimits
  /** The most circuits in one statement. Default: 1,000. */
  readonly batch: number
}

/** The defaults of {@link WorkersLimits}. */
export const DEFAULT_WORKERS_LIMITS: WorkersLimits = {
  publisher: {
    ...DEFAULT_PUBLISHER_LIMITS,
    maxBufferedBytes: 128 * 1024 * 1024,
    pingIntervalMs: 5_000,
    pongTimeoutMs: 2_000,
    pingRetries: 3,
  },
  accepted: 1_000,
  refusedMs: 1_000,
  absentMs: 15_000,
  saveMs: 5_000,
  gatherMs: 50,
  idleEveryMs: 5_000,
  silentMs: 86_400_000,
  cleanEveryMs: 120_000,
  retry: { firstMs: 100, maxMs: 5_000 },
  batch: 1_000,
}
