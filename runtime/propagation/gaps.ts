type Range = readonly [fromMs: number, toMs: number]

/** More of them are joined, which makes them longer. */
const MAX_RANGES = 256

/** Times of which something is not known, as ranges that do not overlap. */
export class Gaps {
  #ranges: Range[] = []

  get size(): number {
    return this.#ranges.length
  }

  add(fromMs: number, toMs: number): void {
    let [from, to] = [fromMs, toMs]
    const others = this.#ranges.filter(([otherFrom, otherTo]) => {
      if (otherTo < from || otherFrom > to) return true
      from = Math.min(from, otherFrom)
      to = Math.max(to, otherTo)
      return false
    })
    const ranges = [...others, [from, to] as const].sort(([one], [other]) => one - other)
    const [first, second] = ranges
    const isFull = ranges.length > MAX_RANGES && first !== undefined && second !== undefined
    this.#ranges = isFull ? [[first[0], second[1]], ...ranges.slice(2)] : ranges
  }

  /** Whether one of them is in a time. */
  hit(fromMs: number, toMs: number): boolean {
    return this.#ranges.some(([from, to]) => from < toMs && to > fromMs)
  }

  /** Forgets those that ended before a time. */
  forget(beforeMs: number): void {
    this.#ranges = this.#ranges.filter(([, toMs]) => toMs >= beforeMs)
  }
}
