import { sql } from 'kysely'
import type { PortRange } from '@branchline/wire/circuits/group'
import { isOpen } from '@branchline/wire/circuits/open'
import { idIn } from '../store/ids.ts'
import type { Tx } from '../store/store.ts'
import { CONNECTED, loadCircuits } from './load.ts'
import { isInRange } from './ports.ts'
import { selectorOf, settingsOf, type StoredCircuit, toReport } from './rows.ts'
import { statusOf, type Verdict } from './status.ts'

interface GroupWorker {
  readonly name: string
  readonly worker_group: string
  readonly labels: Readonly<Record<string, string>>
}

/** Computes the status of circuits again, and stores it where it has changed. Returns the ids of those. */
export async function refreshStatus(tx: Tx, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const circuits = await loadCircuits(tx, (query) => query.where(idIn('circuits.id', ids)))
  const workers: GroupWorker[] = await tx
    .selectFrom('workers')
    .select(['name', 'worker_group', 'labels'])
    .where('state', 'in', CONNECTED)
    .execute()
  const ranges = await loadRanges(tx)
  const changed = circuits.flatMap((circuit) => {
    const { row } = circuit
    const { status, reason = null } = verdictOf(circuit, workers, ranges.get(row.worker_group))
    const differs = status !== row.status || reason !== row.status_reason
    return differs ? { id: row.id, status, reason } : []
  })
  if (changed.length > 0) await store(tx, changed)
  return changed.map(({ id }) => id)
}

interface NewStatus {
  readonly id: string
  readonly status: Verdict['status']
  readonly reason: string | null
}

/** One statement, however many: 10,000 single ones take ten seconds. */
async function store(tx: Tx, changed: readonly NewStatus[]): Promise<void> {
  await sql`
    update circuits set
      status = r.status,
      status_reason = r.reason,
      status_since = case when circuits.status = r.status then status_since else now() end
    from jsonb_to_recordset(${JSON.stringify(changed)}::jsonb) as r(id uuid, status text, reason text)
    where circuits.id = r.id`.execute(tx)
}

/** The ranges of ports by group. A group without ports has none. */
async function loadRanges(tx: Tx): Promise<ReadonlyMap<string, PortRange>> {
  const groups = await tx.selectFrom('worker_groups').select(['name', 'port_from', 'port_to']).execute()
  return new Map(
    groups.flatMap(({ name, port_from: from, port_to: to }) =>
      from === null || to === null ? [] : [[name, { from, to }] as const],
    ),
  )
}

function verdictOf(
  circuit: StoredCircuit,
  workers: readonly GroupWorker[],
  range: PortRange | undefined,
): Verdict {
  const { row, targets, reports } = circuit
  const selector = selectorOf(row)
  const eligible = workers.filter(
    ({ worker_group, labels }) =>
      worker_group === row.worker_group &&
      Object.entries(selector).every(([name, value]) => labels[name] === value),
  )
  return statusOf({
    targets: targets.map(({ id, state }) => ({ id, draining: state === 'draining' })),
    eligible: eligible.map(({ name }) => name).sort(),
    reports: reports.map(toReport),
    group: row.worker_group,
    served: row.status !== 'PENDING',
    note: strayOf(circuit, range) ?? noteOf(circuit),
  })
}

/** What to do about a port that the range of its group no longer contains. */
function strayOf({ row }: StoredCircuit, range: PortRange | undefined): string | undefined {
  if (row.port === null || (range !== undefined && isInRange(range, row.port))) return undefined
  const { worker_group: group } = row
  const now =
    range === undefined
      ? `the group ${group} has no ports any more`
      : `the group ${group} now has the ports ${range.from} to ${range.to}`
  return `The port ${row.port} is out of range: ${now}. Delete the circuit and create it again to get another port, or give the group a range with this port (PUT /api/v1/groups/${group}).`
}

function noteOf({ row }: StoredCircuit): string | undefined {
  const { access, backend } = settingsOf(row)
  if (isOpen({ frontend: row.frontend, backend, access })) return undefined
  const what = row.frontend === 'port' ? `The port ${row.port} is` : 'TCP is'
  return `${what} closed, because access is neither public nor has an allow list. Clients connect with "branchline circuit forward ${row.key}".`
}
