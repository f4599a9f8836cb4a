import type { KnownPath } from '@branchline/wire/routes/traffic'

/** How long a response may take, and how many traces, and callers of each, may wait at a time. */
const RESPONSE_TIMEOUT_MS = 2_000
const MAX_PENDING = 64

type Resolve = (path: KnownPath | undefined) => void

/** Queries for the hops of traces that wait for the manager's response. */
export class PendingQueries {
  readonly #waiting = new Map<string, Set<Resolve>>()

  /** Queries with `send`. Resolves to undefined if too many queries wait, or no response comes in time. */
  query(trace: string, send: () => void): Promise<KnownPath | undefined> {
    const waiting = this.#waiting.get(trace) ?? new Set()
    if (waiting.size === 0 && this.#waiting.size >= MAX_PENDING) return Promise.resolve(undefined)
    if (waiting.size >= MAX_PENDING) return Promise.resolve(undefined)
    this.#waiting.set(trace, waiting)
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(undefined), RESPONSE_TIMEOUT_MS)
      const done: Resolve = (path) => {
        clearTimeout(timer)
        waiting.delete(done)
        if (waiting.size === 0) this.#waiting.delete(trace)
        resolve(path)
      }
      waiting.add(done)
      send()
    })
  }

  resolve(trace: string, path: KnownPath): void {
    for (const done of this.#waiting.get(trace) ?? []) done(path)
  }
}
