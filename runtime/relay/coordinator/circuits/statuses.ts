import type { PortRange } from '@branchline/wire/circuits/group'
import { isOpen } from '@branchline/wire/circuits/open'
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
  const circuits = await loadCircuits(tx, (query) => query.where('circuits.id', 'in', ids))
  const workers: GroupWorker[] = await tx
    .selectFrom('workers')
    .select(['name', 'worker_group', 'labels'])
    .where('state', 'in', CONNECTED)
    .execute()
  const ranges = await loadRanges(tx)
  const changed: string[] = []
  for (const circuit of circuits) {
    const verdict = verdictOf(circuit, workers, ranges.get(circuit.row.worker_group))
    const { row } = circuit
    if (verdict.status === row.status && (verdict.reason ?? null) === row.status_reason) continue
    changed.push(row.id)
    await tx
      .updateTable('circuits')
      .set({
        status: verdict.status,
        status_reason: verdict.reason ?? null,
        ...(verdict.status === row.status ? {} : { status_since: new Date() }),
      })
      .where('id', '=', row.id)
      .execute()
  }
  return changed
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
