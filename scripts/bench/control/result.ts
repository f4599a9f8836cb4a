/** The kinds of change, by what they affect: one Service, one branch, or many branches. */
export type Scope = 'service' | 'branch' | 'many'

/** One kind of change: from the object's event to the last sidecar's acknowledgement. */
export interface Kind {
  readonly name: string
  readonly scope: Scope
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** An upper bound of the 99th percentile of plans: a bucket of the manager's histogram. */
  readonly planP99Ms: number
  /** The manager's CPU time per change, including statuses. */
  readonly cpuMs: number
  /** Messages per change, and bytes per message. */
  readonly deltas: number
  readonly bytes: number
}

/** A start of the manager, until the last sidecar acknowledged its table. */
export interface Restart {
  readonly allMs: number
  /** The manager's CPU time and memory at that moment. */
  readonly cpuMs: number
  readonly rssMb: number
  readonly snapshots: number
  readonly bytes: number
}

/** All results of `npm run bench -- control`. */
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
  /** The number of written statuses. */
  readonly statuses: number
}
