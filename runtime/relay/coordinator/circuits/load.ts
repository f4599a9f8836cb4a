import type { SelectQueryBuilder } from 'kysely'
import { idIn } from '../store/ids.ts'
import type { Reader, Tx } from '../store/store.ts'
import type { Tables } from '../store/tables.ts'
import type { CircuitRow, ReportRow, StoredCircuit } from './rows.ts'

/** States of workers whose reports count. */
export const CONNECTED = ['ready', 'cordoned', 'draining'] as const

type CircuitQuery = SelectQueryBuilder<Tables, 'circuits', object>

/** Loads the circuits that a query selects, in its order, with everything that belongs to them. */
export async function loadCircuits(
  db: Reader | Tx,
  select: (query: CircuitQuery) => CircuitQuery,
): Promise<StoredCircuit[]> {
  const base = db.selectFrom('circuits').where('circuits.state', '<>', 'removed')
  const rows = (await select(base).selectAll('circuits').execute()) as CircuitRow[]
  return complete(db, rows)
}

/** Loads one circuit by its key. */
export async function loadCircuit(db: Reader | Tx, key: string): Promise<StoredCircuit | undefined> {
  const [circuit] = await loadCircuits(db, (query) => query.where('circuits.key', '=', key))
  return circuit
}

async function complete(db: Reader | Tx, rows: readonly CircuitRow[]): Promise<StoredCircuit[]> {
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => id)
  const targets = await db
    .selectFrom('targets')
    .selectAll()
    .where(idIn('circuit_id', ids))
    .orderBy('position')
    .orderBy('id')
    .execute()
  const hosts = await db
    .selectFrom('hosts')
    .selectAll()
    .where(idIn('circuit_id', ids))
    .orderBy('host')
    .execute()
  const reports = await loadReports(db, ids)
  const byCircuit = <T extends { readonly circuit_id: string }>(list: readonly T[]): Map<string, T[]> =>
    Map.groupBy(list, ({ circuit_id }) => circuit_id)
  const [targetsOf, hostsOf, reportsOf] = [byCircuit(targets), byCircuit(hosts), byCircuit(reports)]
  return rows.map((row) => ({
    row,
    targets: targetsOf.get(row.id) ?? [],
    hosts: (hostsOf.get(row.id) ?? []).map(({ host }) => host),
    reports: reportsOf.get(row.id) ?? [],
  }))
}

/** Loads what connected workers have reported about these circuits. */
const loadReports = (db: Reader | Tx, ids: readonly string[]): Promise<ReportRow[]> =>
  db
    .selectFrom('reports')
    .innerJoin('workers', 'workers.id', 'reports.worker_id')
    .selectAll('reports')
    .select('workers.name as worker')
    .where(idIn('reports.circuit_id', ids))
    .where('workers.state', 'in', CONNECTED)
    .execute()
