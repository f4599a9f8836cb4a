import { Histogram } from '../../../process/exposition.ts'

/** Bucket bounds of a call, in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5]

export const CALLS = ['read', 'snapshot', 'change', 'write'] as const
/** What a call of the store does. */
export type CallKind = (typeof CALLS)[number]

/** How long calls of the store take, attempts that failed included, and how many have failed. */
export class StoreTimings {
  readonly seconds: Readonly<Record<CallKind, Histogram>> = {
    read: new Histogram(BOUNDS),
    snapshot: new Histogram(BOUNDS),
    change: new Histogram(BOUNDS),
    write: new Histogram(BOUNDS),
  }
  readonly failures: Record<CallKind, number> = { read: 0, snapshot: 0, change: 0, write: 0 }

  /** Measures a call. */
  async measure<T>(kind: CallKind, run: () => Promise<T>): Promise<T> {
    const startedMs = performance.now()
    try {
      return await run()
    } catch (error) {
      this.failures[kind]++
      throw error
    } finally {
      this.seconds[kind].observe((performance.now() - startedMs) / 1_000)
    }
  }
}
