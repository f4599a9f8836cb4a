import { sql } from 'kysely'
import type { Store, Tx } from '../store/store.ts'
import type { ReportedHealth } from '../store/tables.ts'
import { refreshStatus } from './statuses.ts'

/** What a worker reports about one circuit. Absent fields stay. */
export interface CircuitReport {
  /** Id of the circuit. */
  readonly circuit: string
  /** Version that the worker has acknowledged. */
  readonly version?: number
  /** Why the worker cannot serve the circuit, as a sentence. Null: it can. */
  readonly fault?: string | null
  /** Health of targets by id. Others stay. */
  readonly targets?: Readonly<Record<string, ReportedHealth>>
}

/** Use of one circuit at one worker since the last report. */
export interface CircuitUsage {
  readonly circuit: string
  /** Requests and connections since the last report. */
  readonly requests: number
  /** Connections, WebSockets and streams that are open now. */
  readonly open: number
  /** Milliseconds since the epoch. Absent: no use since the last report. */
  readonly lastAccessMs?: number | undefined
}

/** Reports in one statement. */
const BATCH = 1000

/**
 * Stores what a worker reports, and the statuses that follow from it. Circuits that are gone are ignored. Returns the
 * ids of circuits whose status or reason has changed.
 */
export async function reportStatus(
  store: Store,
  workerId: string,
  reports: readonly CircuitReport[],
): Promise<string[]> {
  const changed: string[] = []
  for (let start = 0; start < reports.length; start += BATCH) {
    const batch = reports.slice(start, start + BATCH)
    const ids = await store.write(async (tx) => {
      await insertReports(tx, workerId, batch)
      return refreshStatus(tx, [...new Set(batch.map(({ circuit }) => circuit))])
    })
    changed.push(...ids)
  }
  return changed
}

async function insertReports(tx: Tx, workerId: string, reports: readonly CircuitReport[]): Promise<void> {
  const rows = [...merged(reports).values()]
  // In the order of the ids, so that two reports that arrive at once do not wait for each other.
  await sql`
    insert into reports as known (circuit_id, worker_id, version, fault, targets)
    select circuits.id, ${workerId}::uuid, r.version, r.fault, coalesce(r.targets, '{}')
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as r(circuit uuid, version bigint, fault text, targets jsonb)
    join circuits on circuits.id = r.circuit and circuits.state <> 'removed'
    order by circuits.id
    on conflict (circuit_id, worker_id) do update set
      version = coalesce(excluded.version, known.version),
      fault = case when known.circuit_id = any(${idsWithFault(rows)}::uuid[]) then excluded.fault else known.fault end,
      targets = known.targets || excluded.targets`.execute(tx)
}

const idsWithFault = (rows: readonly CircuitReport[]): string[] =>
  rows.flatMap(({ circuit, fault }) => (fault === undefined ? [] : circuit))

/** One statement cannot change a row twice, so reports about the same circuit become one. */
function merged(reports: readonly CircuitReport[]): Map<string, CircuitReport> {
  const byCircuit = new Map<string, CircuitReport>()
  for (const report of reports) {
    const known = byCircuit.get(report.circuit)
    const targets = { ...known?.targets, ...report.targets }
    byCircuit.set(report.circuit, { ...known, ...report, targets })
  }
  return byCircuit
}

/** Forgets what a worker has reported about circuits that it does not serve any more, and about all without `circuits`. */
export async function forgetReports(
  store: Store,
  workerId: string,
  circuits?: readonly string[],
): Promise<string[]> {
  return store.write(async (tx) => {
    const rows = tx.deleteFrom('reports').where('worker_id', '=', workerId).returning('circuit_id')
    const gone = await (
      circuits === undefined ? rows : rows.where('circuit_id', 'in', [...circuits, NO_ID])
    ).execute()
    return refreshStatus(
      tx,
      gone.map(({ circuit_id }) => circuit_id),
    )
  })
}

const NO_ID = '00000000-0000-0000-0000-000000000000'

/** Computes the statuses of all circuits of a group again: after a worker was lost, has returned or has changed. */
export async function refreshGroup(store: Store, group: string): Promise<string[]> {
  return store.write(async (tx) => {
    const rows = await tx.selectFrom('circuits').select('id').where('worker_group', '=', group).execute()
    return refreshStatus(
      tx,
      rows.map(({ id }) => id),
    )
  })
}

/** Adds use that a worker has reported. An open connection is a use, see {@link expireIdle}. */
export async function reportUsage(
  store: Store,
  workerId: string,
  usage: readonly CircuitUsage[],
): Promise<void> {
  if (usage.length === 0) return
  const json = JSON.stringify(usage.map((use) => ({ ...use, lastAccessMs: use.lastAccessMs ?? null })))
  await store.write(async (tx) => {
    await sql`
      update circuits set
        requests = circuits.requests + u.requests,
        last_access_at = greatest(last_access_at, to_timestamp(u.last / 1000.0))
      from (
        select circuit, sum(requests)::bigint as requests, max("lastAccessMs") as last
        from jsonb_to_recordset(${json}::jsonb) as r(circuit uuid, requests bigint, "lastAccessMs" double precision)
        group by circuit
      ) u where u.circuit = circuits.id`.execute(tx)
    await sql`
      insert into reports (circuit_id, worker_id, open)
      select circuits.id, ${workerId}::uuid, max(r.open)
      from jsonb_to_recordset(${json}::jsonb) as r(circuit uuid, open integer)
      join circuits on circuits.id = r.circuit
      group by circuits.id order by circuits.id
      on conflict (circuit_id, worker_id) do update set open = excluded.open`.execute(tx)
  })
}

/** Workers have stopped or started again: the connections that they have reported are closed. */
export async function reportClosed(store: Store, workerIds: readonly string[]): Promise<void> {
  if (workerIds.length === 0) return
  await store.write((tx) =>
    tx
      .updateTable('reports')
      .set({ open: 0 })
      .where('worker_id', 'in', workerIds)
      .where('open', '>', 0)
      .execute(),
  )
}

/** Counts requests of a circuit, and when the last one was: for a use that no worker reports. */
export async function touch(store: Store, circuitId: string, requests: number, at: Date): Promise<void> {
  await store.write((tx) =>
    tx
      .updateTable('circuits')
      .set((eb) => ({
        requests: eb('requests', '+', requests),
        last_access_at: sql<Date>`greatest(last_access_at, ${at})`,
      }))
      .where('id', '=', circuitId)
      .execute(),
  )
}
