import { LEAVE_PATH } from '@branchline/wire/names'
import { type AdminServer, serveAdmin } from '../process/admin.ts'
import { ListenError } from './errors.ts'
import type { SubscriptionState } from '../pushed/subscription.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { Table } from './table/table.ts'

/** What the admin listener reports. */
export interface AdminSource {
  /** The addresses to listen on, at least one. */
  readonly hosts: readonly string[]
  readonly port: number
  readonly metrics: Metrics
  readonly table: () => Table | undefined
  readonly managerState: () => SubscriptionState
  /** When the listeners were opened (milliseconds of the monotonic clock). Undefined before. */
  readonly openSinceMs: () => number | undefined
  readonly draining: () => boolean
  /** Called when the pod begins to end: see `#leave` of the sidecar. */
  readonly leave: () => void
  readonly firstTableTimeoutMs: number
}

/**
 * Why the pod cannot take traffic. Undefined if it can: its listeners are open, and it has a first table or has
 * waited long enough for one, because an app must also start without the platform. Losing the manager later does
 * not make the pod unready.
 */
export function notReady(
  source: Omit<AdminSource, 'metrics' | 'hosts' | 'port' | 'leave'>,
  nowMs: number,
): string | undefined {
  if (source.draining()) return 'draining'
  const sinceMs = source.openSinceMs()
  if (sinceMs === undefined) return 'opening its listeners'
  const waited = nowMs - sinceMs >= source.firstTableTimeoutMs
  return source.table() !== undefined || waited
    ? undefined
    : `no route table yet, manager ${source.managerState()}`
}

/**
 * Serves `/livez`, `/readyz` and `/metrics`, and to its own pod `/table` (the table, and the state of the manager's
 * link) and `/leave`, which the preStop hook calls.
 */
export async function startAdmin(source: AdminSource): Promise<AdminServer> {
  try {
    return await serveAdmin({
      hosts: source.hosts,
      port: source.port,
      notReady: () => notReady(source, performance.now()),
      metrics: () => source.metrics.read(),
      dumps: { '/table': () => ({ manager: source.managerState(), table: source.table()?.dump() ?? null }) },
      actions: { [LEAVE_PATH]: source.leave },
    })
  } catch (error) {
    const { address = source.hosts.join(', ') } = error as { readonly address?: string }
    throw new ListenError(address, source.port, 'health and metrics', error)
  }
}
