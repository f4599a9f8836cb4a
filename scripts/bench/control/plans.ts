/** The manager's histogram of plans (Prometheus text format): the number of plans by upper bound. */
export type Plans = ReadonlyMap<number, number>

const BUCKET = /^branchline_manager_plan_duration_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm

/** Reads the histogram from a manager's metrics. */
export async function readPlans(adminPort: number): Promise<Plans> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`)
  const text = await response.text()
  return new Map([...text.matchAll(BUCKET)].map(([, le, count]) => [boundMs(le as string), Number(count)]))
}

const boundMs = (le: string): number => (le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le) * 1000)

/** Returns the upper bound, in milliseconds, of the bucket that contains the 99th percentile between two readings. */
export function p99BoundMs(before: Plans, after: Plans): number {
  const made = [...after].map(([ms, count]): [number, number] => [ms, count - (before.get(ms) ?? 0)])
  const total = Math.max(...made.map(([, count]) => count))
  return made.find(([, count]) => count >= total * 0.99)?.[0] ?? Number.POSITIVE_INFINITY
}
