/** How long a target that fails is left out. Doubled with each further ejection, up to the maximum. */
const EJECTION_MS = { first: 1_000, max: 30_000 } as const
/** After this many failures in a row a target is left out. A refused connection counts as that many. */
const EJECT_AFTER = 3

/** A passive sign of a target's health. A response of 5xx counts as a failure only if several follow each other. */
export type Failure = 'unreachable' | 'closed' | 'error-status'

/** What requests show about the health of a target. */
export class Ejection {
  untilMs = 0
  #failures = 0
  #ejections = 0

  /** True if this success ends an ejection, or a streak of failures that led to one. */
  succeeded(): boolean {
    if (this.#failures === 0) return false
    const ended = this.#ejections > 0
    this.#failures = 0
    this.#ejections = 0
    this.untilMs = 0
    return ended
  }

  /** True if the target is left out from now on. */
  failed(how: Failure, nowMs: number): boolean {
    if (nowMs < this.untilMs) return false
    this.#failures += how === 'unreachable' ? EJECT_AFTER : 1
    if (this.#failures < EJECT_AFTER) return false
    const { first, max } = EJECTION_MS
    this.untilMs = nowMs + Math.min(max, first * 2 ** Math.min(this.#ejections++, 30))
    return true
  }
}
