import { isOpen } from '@branchline/wire/circuits/open'
import type { Tx } from '../store/store.ts'
import { CONNECTED, loadCircuits } from './load.ts'
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
  const changed: string[] = []
  for (const circuit of circuits) {
    const verdict = verdictOf(circuit, workers)
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

function verdictOf(circuit: StoredCircuit, workers: readonly GroupWorker[]): Verdict {
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
    note: noteOf(circuit),
  })
}

function noteOf({ row }: StoredCircuit): string | undefined {
  const { access, backend } = settingsOf(row)
  if (isOpen({ frontend: row.frontend, backend, access })) return undefined
  const what = row.frontend === 'port' ? `The port ${row.port} is` : 'TCP is'
  return `${what} closed, because access is neither public nor has an allow list. Clients connect with "branchline circuit forward ${row.key}".`
}
