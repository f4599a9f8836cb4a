import type { TARGET_STATES } from '@branchline/wire/circuits/target'

export type TargetStatus = (typeof TARGET_STATES)[number]

/** A change of a target's health: an entry of `targets` messages (wire/circuits/messages.ts). */
export interface TargetReport {
  readonly circuit: string
  readonly target: string
  readonly status: TargetStatus
  /** Why, as a sentence. */
  readonly reason?: string
  /** Milliseconds since the epoch. */
  readonly sinceMs: number
}
