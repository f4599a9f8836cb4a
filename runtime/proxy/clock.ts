/**
 * Something with a time limit. The clock calls `onDeadline` at or after `deadline`, and again on every tick until the
 * deadline moves.
 */
export interface Timed {
  deadline: number
  onDeadline(): void
}

/**
 * Watches many deadlines with one timer, so that setting a deadline is an assignment. The clock advances in ticks: it
 * reports a deadline up to two ticks late and never early.
 */
export class Clock {
  now = performance.now()
  readonly #tickMs: number
  readonly #watched = new Set<Timed>()
  #timer: NodeJS.Timeout | undefined = undefined

  /** A tick is a tenth of the shortest wait, between 5 and 500 ms. */
  constructor(waitsMs: readonly number[]) {
    this.#tickMs = Math.min(500, Math.max(5, Math.min(...waitsMs) / 10))
  }

  /** Returns the deadline that is `waitMs` from now. */
  in(waitMs: number): number {
    if (this.#timer === undefined) this.now = performance.now()
    return this.now + this.#tickMs + waitMs
  }

  watch(timed: Timed): void {
    this.#watched.add(timed)
    if (this.#timer !== undefined) return
    this.now = performance.now()
    this.#timer = setInterval(() => this.#tick(), this.#tickMs).unref()
  }

  /** Stops watching. The timer runs only while the clock watches something. */
  unwatch(timed: Timed): void {
    this.#watched.delete(timed)
    if (this.#watched.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #tick(): void {
    this.now = performance.now()
    for (const timed of this.#watched) if (timed.deadline <= this.now) timed.onDeadline()
  }
}
