import { LEAVE_PATH } from '@branchline/wire/names'
import { type AdminServer, serveAdmin } from '../process/admin.ts'
import { ListenError } from './errors.ts'
import type { SubscriptionState } from '../pushed/subscription.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { Table } from './table/table.ts'

/** What the admin listener tells. */
export interface AdminSource {
  readonly host: string
  readonly port: number
  readonly metrics: Metrics
  readonly table: () => Table | undefined
  readonly managerState: () => SubscriptionState
  /** When the listeners were opened (milliseconds of the monotonic clock); undefined before. */
  readonly openSinceMs: () => number | undefined
  readonly draining: () => boolean
  /** The pod is ending: see Sidecar.leave. */
  readonly leave: () => void
  readonly firstTableTimeoutMs: number
}

/**
 * Why the pod cannot take traffic, or undefined where it can: with its listeners open and a first table, or
 * without one where it has waited long enough, since an app must start without the platform. A manager that
 * is lost later changes nothing.
 */
export function notReady(
  source: Omit<AdminSource, 'metrics' | 'host' | 'port' | 'leave'>,
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
      host: source.host,
      port: source.port,
      notReady: () => notReady(source, performance.now()),
      metrics: () => source.metrics.read(),
      dumps: { '/table': () => ({ manager: source.managerState(), table: source.table()?.dump() ?? null }) },
      actions: { [LEAVE_PATH]: source.leave },
    })
  } catch (error) {
    const { address = source.host } = error as { readonly address?: string }
    throw new ListenError(address, source.port, 'health and metrics', error)
  }
}
