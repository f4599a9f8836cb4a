import { cpus, loadavg } from 'node:os'

/** Above this load average of the last minute, ratios are still meaningful, but absolute figures are not. */
const QUIET_LOAD = 0.5

/** Describes the machine in one line, with a warning if it has other work before the benchmark begins. */
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
