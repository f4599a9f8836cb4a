import { cpus, loadavg } from 'node:os'

/** Above this much other work, by the load of the last minute, ratios still mean something and figures do not. */
const QUIET_LOAD = 0.5

/** The machine in one line, and a warning where others use it: the load before the benchmark has begun. */
export function describeMachine(): { line: string; load: number; quiet: boolean } {
  const load = loadavg()[0] ?? 0
  const quiet = load < QUIET_LOAD
  const line = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}, load average ${load.toFixed(1)}`
  return {
    line: quiet ? line : `${line}: NOT QUIET, other work takes its share of every figure`,
    load,
    quiet,
  }
}
