import type { Hop } from '@branchline/wire/explain'

/** Traces that are remembered at most, the oldest forgotten first; and hops of each. */
export const MAX_TRACES = 256
export const MAX_HOPS = 64

/** The hops of requests that wanted to know their way, as sidecars report them, by trace id. */
export class Hops {
  readonly #traces = new Map<string, Hop[]>()

  add(trace: string, hop: Hop): void {
    const hops = this.#traces.get(trace)
    if (hops !== undefined) {
      if (hops.length < MAX_HOPS) hops.push(hop)
      return
    }
    if (this.#traces.size >= MAX_TRACES) this.#traces.delete(this.#traces.keys().next().value as string)
    this.#traces.set(trace, [hop])
  }

  /** What is known of a trace, in the order in which the requests came. */
  of(trace: string): Hop[] {
    return (this.#traces.get(trace) ?? []).toSorted(
      (one, other) => one.startMs - other.startMs || other.ms - one.ms,
    )
  }
}
