import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import { durationMs } from '@branchline/wire/duration'
import type { CheckLimits } from './limits.ts'

/** How one circuit checks its targets. */
export interface CheckPlan {
  readonly type: 'http' | 'tcp'
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly retries: number
  isHealthy(status: number): boolean
}

/** Reads the checks of a circuit. Undefined if it has none. */
export function planOf({ health }: DeployedCircuit, limits: CheckLimits): CheckPlan | undefined {
  if (health === undefined) return undefined
  const { type, path = '/', status, interval, timeout, retries = limits.retries } = health
  const statuses = status && new Set(status)
  return {
    type,
    path,
    retries,
    intervalMs: Math.max(limits.minIntervalMs, millisecondsOf(interval) ?? limits.intervalMs),
    timeoutMs: Math.max(1, millisecondsOf(timeout) ?? limits.timeoutMs),
    isHealthy: (code) => statuses?.has(code) ?? (code >= 200 && code < 400),
  }
}

/** A duration of a circuit, in milliseconds (`500ms`, `30s`, `1h30m`). */
function millisecondsOf(duration: string | undefined): number | undefined {
  if (duration === undefined) return undefined
  const ms = duration.endsWith('ms') ? Number(duration.slice(0, -2)) : durationMs(duration)
  return Number.isNaN(ms) ? undefined : ms
}
