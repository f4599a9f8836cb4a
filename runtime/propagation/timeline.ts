import type { Sample } from './evidence.ts'
import type { Times } from './times.ts'

/** A keyed time of a pod, by the clock of the observer. */
export interface Span {
  readonly beganAtMs: number
  readonly ms: number
  readonly idleMs: number
}

/** Clocks that were compared still differ by about this much. */
const PAD_MS = 5
/** The longest slice, and the most slices of a keyed time and of the idle time before it. */
const MAX_SLICE_MS = 250
const MAX_TRIALS = 16
const MAX_CONTROLS = 63
/** A keyed time of at least this length is many requests, and its later slices count as well. */
const LONG_MS = 1_000

/** How long times are kept. Longer than an idle time before a keyed one, and the wait for the reports of both. */
export const KEPT_MS = 40_000

/**
 * Compares the calls in a keyed time with those in the idle time just before it. Both are cut into slices of the length
 * of the keyed time, at most {@link MAX_SLICE_MS}.
 */
export function sampleOf({ beganAtMs, ms, idleMs }: Span, calls: Times): Sample {
  const startMs = beganAtMs - PAD_MS
  const sliceMs = Math.min(ms, MAX_SLICE_MS) + 2 * PAD_MS
  const trials = ms < LONG_MS ? 1 : Math.min(MAX_TRIALS, Math.max(1, Math.floor((ms + 2 * PAD_MS) / sliceMs)))
  const controls = Math.min(MAX_CONTROLS, Math.max(0, Math.floor((idleMs - PAD_MS) / sliceMs)))
  const count = (slices: number, fromMs: number): number => {
    let hits = 0
    for (let index = 0; index < slices; index++) {
      const sliceAtMs = fromMs + index * sliceMs
      if (calls.hit(sliceAtMs, sliceAtMs + sliceMs)) hits++
    }
    return hits
  }
  return {
    trials,
    hits: count(trials, startMs),
    controls,
    controlHits: count(controls, startMs - controls * sliceMs),
  }
}

/** The keyed time itself, as far as clocks are exact. */
export const keyedPart = ({ beganAtMs, ms }: Span): readonly [fromMs: number, toMs: number] => [
  beganAtMs - PAD_MS,
  beganAtMs + ms + PAD_MS,
]

/** The whole time that a sample compares. */
export const comparedTime = ({ beganAtMs, ms, idleMs }: Span): readonly [fromMs: number, toMs: number] => [
  beganAtMs - idleMs,
  beganAtMs + ms + PAD_MS,
]

/**
 * The difference between the clock of a sidecar and ours. Clocks of nodes are usually synchronized, so a small
 * difference is the time that reports need, and is ignored. Of a large one, the smallest counts.
 */
export class ClockDifference {
  #smallestMs = Infinity

  take(theirsMs: number, oursMs: number): void {
    this.#smallestMs = Math.min(this.#smallestMs, oursMs - theirsMs)
  }

  get ms(): number {
    return Math.abs(this.#smallestMs) < SYNCHRONIZED_MS ? 0 : this.#smallestMs
  }
}
const SYNCHRONIZED_MS = 500
