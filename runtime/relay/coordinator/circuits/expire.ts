import type { Reader } from '../store/store.ts'
import type { CircuitContext } from './context.ts'
import { isIdle } from './idle.ts'
import { loadCircuits } from './load.ts'
import { removeCircuit } from './remove.ts'
import { specOf } from './rows.ts'

/** What {@link expireIdle} needs to know about the coordinator. */
export interface ExpiryOptions {
  readonly nowMs: number
  /** Since when this coordinator gets reports of all workers: before that, no worker could report a use. */
  readonly countingSinceMs: number
  /** How long open connections count that a worker has reported and that it does not report any more. */
  readonly silentMs: number
}

/**
 * Removes circuits that were unused for longer than their ttl, and drained ones after their limit. An open connection
 * is a use, also while its worker does not report. Returns their keys. The leader calls it every few seconds.
 */
export async function expireIdle(context: CircuitContext, options: ExpiryOptions): Promise<string[]> {
  const due = await context.store.read((db) => dueCircuits(db, options))
  const removed: string[] = []
  for (const id of due) {
    const { value } = await context.store.change({ actor: 'relay' }, async (change) => {
      // It may have been used, changed or removed in the meantime.
      const still = (await dueCircuits(change.tx, options, id)).length > 0
      const [stored] = still
        ? await loadCircuits(change.tx, (query) => query.where('circuits.id', '=', id))
        : []
      if (stored === undefined) {
        change.unchanged()
        return undefined
      }
      const action = stored.row.state === 'draining' ? 'circuit.drained' : 'circuit.expire'
      await removeCircuit(change, context, stored, action)
      return stored.row.key
    })
    if (value !== undefined) removed.push(value)
  }
  return removed
}

async function dueCircuits(
  db: Reader,
  { nowMs, countingSinceMs, silentMs }: ExpiryOptions,
  id?: string,
): Promise<string[]> {
  const base = db
    .selectFrom('circuits')
    .select(['id', 'state', 'ttl_ms', 'spec', 'created_at', 'updated_at', 'last_access_at'])
    .select((eb) =>
      eb
        .selectFrom('reports')
        .innerJoin('workers', 'workers.id', 'reports.worker_id')
        .select((inner) => inner.fn.max('workers.last_heartbeat_at').as('at'))
        .whereRef('reports.circuit_id', '=', 'circuits.id')
        .where('reports.open', '>', 0)
        .as('open_at'),
    )
    .where((eb) => eb.or([eb('ttl_ms', 'is not', null), eb('state', '=', 'draining')]))
  const rows = await (id === undefined ? base : base.where('id', '=', id)).execute()
  return rows
    .filter((row) => {
      const { drainUntilMs } = specOf(row)
      if (row.state === 'draining') return drainUntilMs !== undefined && nowMs >= drainUntilMs
      return isIdle(
        {
          ttlMs: row.ttl_ms as number,
          createdAtMs: row.created_at.getTime(),
          updatedAtMs: row.updated_at.getTime(),
          lastAccessAtMs: row.last_access_at?.getTime(),
          openAtMs: row.open_at === null ? [] : [row.open_at.getTime()],
          silentMs,
          countingSinceMs,
        },
        nowMs,
      )
    })
    .map((row) => row.id)
}
