import type { TargetStatus } from './target-report.ts'

/** The circuits of a worker by status, and their targets by health. */
export interface CircuitState {
  readonly circuits: Readonly<Record<'healthy' | 'unhealthy' | 'draining' | 'faulty', number>>
  readonly targets: Readonly<Record<Lowercase<TargetStatus>, number>>
}

/** What counts of a circuit. */
interface Stated {
  readonly circuit: { readonly draining: boolean }
  readonly targets: readonly { readonly takes: boolean; readonly status: TargetStatus }[]
}

/** Counts circuits: `unhealthy` if no target takes requests, `faulty` if this version cannot serve them. */
export function stateOf(served: Iterable<Stated>, faulty: number): CircuitState {
  const circuits = { healthy: 0, unhealthy: 0, draining: 0, faulty }
  const targets = { healthy: 0, unhealthy: 0, unknown: 0 }
  for (const { circuit, targets: its } of served) {
    circuits[circuit.draining ? 'draining' : its.some(({ takes }) => takes) ? 'healthy' : 'unhealthy']++
    for (const { status } of its) targets[status.toLowerCase() as Lowercase<TargetStatus>]++
  }
  return { circuits, targets }
}
