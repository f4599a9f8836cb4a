/** What decides whether a circuit is idle. Times are milliseconds since the epoch. */
export interface Usage {
  readonly ttlMs: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly lastAccessAtMs?: number | undefined
  /** Last heartbeats of the workers whose last report names open connections of the circuit. */
  readonly openAtMs: readonly number[]
  /** How long after such a heartbeat the connections count: their worker may be cut off, and still serve them. */
  readonly silentMs: number
  /** Since when this coordinator counts: before that, no worker could report a use. */
  readonly countingSinceMs: number
}

/**
 * Returns when a circuit expires, in milliseconds since the epoch, if nothing uses it until then. An open connection
 * is a use: a worker with open connections renews it with each heartbeat, and one that is silent keeps it for a while.
 */
export function expiresAtMs(usage: Usage): number {
  const { ttlMs, createdAtMs, updatedAtMs, lastAccessAtMs = 0, openAtMs, silentMs, countingSinceMs } = usage
  const openUntilMs = openAtMs.map((atMs) => atMs + silentMs)
  return Math.max(createdAtMs, updatedAtMs, lastAccessAtMs, countingSinceMs, ...openUntilMs) + ttlMs
}

/** Whether a circuit has been unused for longer than its ttl. */
export const isIdle = (usage: Usage, nowMs: number): boolean => nowMs > expiresAtMs(usage)
