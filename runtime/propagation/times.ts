/** The newest times that are kept however old they are, so that slow rhythms are seen. */
const MIN_KEPT = 8
/** The earlier times that are considered, the shortest interval of a rhythm, and how exact it is. */
const MAX_CONSIDERED = 32
const MIN_INTERVAL_MS = 400
const MIN_TOLERANCE_MS = 15
const TOLERANCE = 0.01

/** Times of calls, in any order. */
export class Times {
  #all: number[] = []
  #isSorted = true
  /** The times that are not part of a rhythm, because a request caused them. */
  readonly #caused = new Set<number>()

  get size(): number {
    return this.#all.length
  }

  add(atMs: number): void {
    this.#isSorted &&= atMs >= (this.#all.at(-1) ?? -Infinity)
    this.#all.push(atMs)
  }

  /** Forgets old times, but not the newest ones. */
  forget(beforeMs: number): void {
    const first = Math.min(this.#firstFrom(beforeMs), this.#all.length - MIN_KEPT)
    if (first <= 0) return
    for (const atMs of this.#all.slice(0, first)) this.#caused.delete(atMs)
    this.#all = this.#all.slice(first)
  }

  /** Whether one of the times is in `[fromMs, toMs)`. */
  hit(fromMs: number, toMs: number): boolean {
    const first = this.#firstFrom(fromMs)
    return first < this.#all.length && (this.#all[first] as number) < toMs
  }

  /** Notes that the times in `[fromMs, toMs)` were caused by a request, and belong to no rhythm. */
  setCaused(fromMs: number, toMs: number): void {
    for (const atMs of this.#in(fromMs, toMs)) this.#caused.add(atMs)
  }

  /**
   * Whether a time in `[fromMs, toMs)` continues a rhythm of three earlier times, as the calls of a job at intervals do.
   * Times that requests caused are no part of it.
   */
  continuesRhythm(fromMs: number, toMs: number): boolean {
    return this.#in(fromMs, toMs)
      .slice(0, MAX_CONSIDERED)
      .some((atMs) => this.#isNextOf(atMs))
  }

  #isNextOf(atMs: number): boolean {
    const end = this.#firstFrom(atMs)
    const earlier = this.#all.slice(Math.max(0, end - MAX_CONSIDERED), end)
    return earlier.some((last) => {
      const interval = atMs - last
      if (interval < MIN_INTERVAL_MS || this.#caused.has(last)) return false
      const tolerance = Math.max(MIN_TOLERANCE_MS, interval * TOLERANCE)
      const isNear = (wanted: number): boolean =>
        this.#in(wanted - tolerance, wanted + tolerance).some((it) => !this.#caused.has(it))
      return isNear(last - interval) && isNear(last - 2 * interval)
    })
  }

  #in(fromMs: number, toMs: number): number[] {
    const first = this.#firstFrom(fromMs)
    let end = first
    while (end < this.#all.length && (this.#all[end] as number) < toMs) end++
    return this.#all.slice(first, end)
  }

  /** The index of the first time that is not before another. */
  #firstFrom(atMs: number): number {
    if (!this.#isSorted) this.#all.sort((one, other) => one - other)
    this.#isSorted = true
    let [low, high] = [0, this.#all.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#all[middle] as number) < atMs) low = middle + 1
      else high = middle
    }
    return low
  }
}
