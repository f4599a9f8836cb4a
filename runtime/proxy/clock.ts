/** Something that must not last: at or after its deadline (by {@link Clock.now}), it is told so, until it sets another. */
export interface Timed {
  deadline: number
  onDeadline(): void
}

/**
 * Watches many deadlines with one timer: setting one is an assignment. Its time goes on in ticks, so a
 * deadline is met up to two ticks late, and never early.
 */
export class Clock {
  now = performance.now()
  readonly #tickMs: number
  readonly #watched = new Set<Timed>()
  #timer: NodeJS.Timeout | undefined = undefined

  /** Ticks a tenth of the shortest wait, from 5 to 500 ms. */
  constructor(waitsMs: readonly number[]) {
    this.#tickMs = Math.min(500, Math.max(5, Math.min(...waitsMs) / 10))
  }

  /** The deadline so many milliseconds from now. */
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

  /** The timer runs only while something is watched. */
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
