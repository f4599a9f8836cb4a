/** What a change touches: one Service alone, one branch, or many branches at once. */
export type Scope = 'service' | 'branch' | 'many'

/** One kind of change: from the object's event to the last sidecar's acknowledgement. */
export interface Kind {
  readonly name: string
  readonly scope: Scope
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** An upper bound of 99 of 100 plans: a bucket of the manager's histogram. */
  readonly planP99Ms: number
  /** The manager's CPU time per change, statuses included. */
  readonly cpuMs: number
  /** Messages per change, and octets of each. */
  readonly deltas: number
  readonly octets: number
}

/** A start of the manager, until the last sidecar has acknowledged its table. */
export interface Restart {
  readonly allMs: number
  /** The manager's CPU time and memory by then. */
  readonly cpuMs: number
  readonly rssMb: number
  readonly snapshots: number
  readonly octets: number
}

/** All that `npm run bench -- control` measures. */
export interface ControlResult {
  readonly branches: number
  readonly services: number
  readonly overrides: number
  readonly sidecars: number
  readonly first: Restart
  /** The manager's memory at rest, and after all changes. */
  readonly idleMb: number
  readonly loadMb: number
  readonly kinds: readonly Kind[]
  readonly restarts: readonly Restart[]
  /** How many statuses were written. */
  readonly statuses: number
}
