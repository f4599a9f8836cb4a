import type { CircuitStatus } from '@branchline/wire/circuits/circuit'
import type { Target } from '@branchline/wire/circuits/target'

/** What one worker says about a circuit that it serves. */
export interface WorkerReport {
  readonly worker: string
  /** Version of the circuit that the worker serves. Null: it has acknowledged none. */
  readonly version: number | null
  /** Health of the targets by id. A target that the worker does not check is missing. */
  readonly targets: Readonly<Record<string, TargetHealth>>
  /** Why the worker cannot serve the circuit, as a sentence, such as a port that another program has. */
  readonly fault?: string | undefined
}

/** Health of a target, as one worker or all of them see it. */
export interface TargetHealth {
  readonly status: Target['status']
  readonly reason?: string | undefined
  /** Time of the last change, in milliseconds since the epoch. */
  readonly sinceMs?: number | undefined
}

/** What the status of a circuit depends on. */
export interface StatusFacts {
  readonly targets: readonly { readonly id: string; readonly draining: boolean }[]
  /** Names of the workers of the circuit's group that are connected and can serve it. */
  readonly eligible: readonly string[]
  /** Reports of connected workers. */
  readonly reports: readonly WorkerReport[]
  readonly group: string
  /** Whether a worker has served it before. */
  readonly served: boolean
  /** What is worth saying although the circuit is healthy, such as a closed port. It also follows the reason why no worker serves it. */
  readonly note?: string | undefined
}

/** The status of a circuit. */
export interface Verdict {
  readonly status: CircuitStatus
  readonly reason?: string | undefined
}

/**
 * Returns the status of a circuit: PENDING until a worker has acknowledged it. Then UNHEALTHY if no worker can serve it
 * or no target is healthy, otherwise HEALTHY.
 */
export function statusOf(facts: StatusFacts): Verdict {
  const working = facts.reports.filter(({ fault, version }) => fault === undefined && version !== null)
  if (working.length === 0) return unserved(facts)
  const targets = facts.targets.filter(({ draining }) => !draining)
  if (targets.length === 0) return { status: 'UNHEALTHY', reason: 'The circuit has no target.' }
  const bad = targets.flatMap(({ id }) => {
    const health = targetHealth(working, id)
    return health.status === 'UNHEALTHY' ? [{ id, ...health }] : []
  })
  const first = bad[0]
  if (first === undefined) return { status: 'HEALTHY', reason: facts.note }
  const why = `${first.id}: ${first.reason ?? 'no reason given'}`
  if (bad.length === targets.length) return { status: 'UNHEALTHY', reason: `No target is healthy. ${why}` }
  return {
    status: 'HEALTHY',
    reason: `${bad.length} of ${targets.length} targets ${bad.length === 1 ? 'is' : 'are'} unhealthy. ${why}`,
  }
}

/** Combines what workers report: a target is unhealthy if all workers that have checked it say so. */
export function targetHealth(reports: readonly WorkerReport[], id: string): TargetHealth {
  const seen = reports.flatMap(({ targets }) => targets[id] ?? [])
  const known = seen.filter(({ status }) => status !== 'UNKNOWN')
  if (known.length === 0) return { status: 'UNKNOWN' }
  return known.find(({ status }) => status === 'HEALTHY') ?? (known[0] as TargetHealth)
}

function unserved(facts: StatusFacts): Verdict {
  const { served, note } = facts
  const reason = whyUnserved(facts)
  return {
    status: served ? 'UNHEALTHY' : 'PENDING',
    reason: note === undefined ? reason : `${reason.replace(/\.$/, '')}. ${note}`,
  }
}

function whyUnserved({ reports, eligible, group }: StatusFacts): string {
  const fault = reports.find((report) => report.fault !== undefined)
  if (fault !== undefined) return `Worker ${fault.worker}: ${fault.fault}`
  if (eligible.length === 0) return `No connected worker of the group ${group} can serve the circuit.`
  return `No worker has acknowledged the circuit yet. Waiting for ${eligible.join(', ')}.`
}
