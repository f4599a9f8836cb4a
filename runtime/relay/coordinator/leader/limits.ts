import type { BackoffLimits } from '../../../process/backoff.ts'

/** Limits of the election of a leader. */
export interface LeaderLimits {
  /** How often a follower tries to lead. Default: 500 ms. */
  readonly tryMs: number
  /** How often the leader shows PostgreSQL that it is alive. Default: 2 s. */
  readonly showMs: number
  /** How long the leader waits for the answer, before it stops leading. Default: 4 s. */
  readonly answerMs: number
  /**
   * How long PostgreSQL waits for a sign of the leader, before it lets others lead. Longer than `showMs` and `answerMs`
   * together. Default: 10 s.
   */
  readonly silentMs: number
  /** The waits between attempts to connect. Default: 100 ms to 2 s. */
  readonly reconnect: BackoffLimits
}

/** The defaults of {@link LeaderLimits}. */
export const DEFAULT_LEADER_LIMITS: LeaderLimits = {
  tryMs: 500,
  showMs: 2_000,
  answerMs: 4_000,
  silentMs: 10_000,
  reconnect: { firstMs: 100, maxMs: 2_000 },
}
