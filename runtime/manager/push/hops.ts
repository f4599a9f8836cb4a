import type { Hop } from '@branchline/wire/explain'

/** How many traces are kept, and how many hops of each. */
export const MAX_TRACES = 256
export const MAX_HOPS = 64

/** A hop, and the pod that reported it. */
export interface PodHop {
  readonly pod: string
  readonly hop: Hop
}

interface Trace {
  /** The pod that began it. */
  readonly owner: string
  readonly hops: PodHop[]
}

/**
 * The hops that sidecars report for requests whose path is to be explained, by trace id. If there is no room, a new
 * trace replaces the oldest one of the pod that began the most traces, and a new hop replaces the oldest one of the
 * pod that reported the most hops of the trace. So one pod cannot evict what others have reported.
 */
export class Hops {
  /** Oldest first. */
  readonly #traces = new Map<string, Trace>()
  /** How many of the traces each pod began. */
  readonly #begun = new Map<string, number>()

  add(pod: string, trace: string, hop: Hop): void {
    const hops = this.#traces.get(trace)?.hops
    if (hops === undefined) {
      if (this.#traces.size >= MAX_TRACES) this.#forgetOne()
      this.#traces.set(trace, { owner: pod, hops: [{ pod, hop }] })
      this.#begun.set(pod, (this.#begun.get(pod) ?? 0) + 1)
      return
    }
    if (hops.length >= MAX_HOPS) {
      const counts = Map.groupBy(hops, (it) => it.pod)
      const most = largest([...counts].map(([name, list]) => [name, list.length]))
      hops.splice(
        hops.findIndex((it) => it.pod === most),
        1,
      )
    }
    hops.push({ pod, hop })
  }

  /** The known hops of a trace, in the order in which the requests arrived. */
  of(trace: string): PodHop[] {
    const hops = this.#traces.get(trace)?.hops ?? []
    return hops.toSorted(({ hop: one }, { hop: other }) => one.startMs - other.startMs || other.ms - one.ms)
  }

  #forgetOne(): void {
    const most = largest(this.#begun.entries())
    for (const [trace, { owner }] of this.#traces) {
      if (owner !== most) continue
      this.#traces.delete(trace)
      break
    }
    const left = (this.#begun.get(most) ?? 1) - 1
    if (left > 0) this.#begun.set(most, left)
    else this.#begun.delete(most)
  }
}

/** The key with the largest number. */
function largest(entries: Iterable<[string, number]>): string {
  let [key, most] = ['', -1]
  for (const [name, number] of entries) if (number > most) [key, most] = [name, number]
  return key
}
