import type { WorkerFacts } from '@branchline/wire/circuits/worker'
import { sql } from 'kysely'
import type { Change } from '../store/store.ts'
import { followPorts } from './group-ports.ts'
import { factsRow } from './join.ts'
import { DRAINED, type PresencePlan } from './presence-plan.ts'

/** Writes what has changed about workers, and the clusters at them. */
export async function writePresence({ tx, audit }: Change, plan: PresencePlan): Promise<void> {
  const now = new Date()
  for (const { worker, reason } of plan.lost) {
    await tx
      .updateTable('workers')
      .set({
        state: 'lost',
        state_since: now,
        state_reason: reason,
        state_before: sql`state`,
      })
      .where('id', '=', worker.id)
      .where('state', 'in', ['ready', 'cordoned', 'draining'])
      .execute()
    audit({ action: 'worker.lost', kind: 'worker', id: worker.name, after: { reason } })
  }
  for (const { id, name } of plan.returned) {
    await tx
      .updateTable('workers')
      .set({
        state: sql`coalesce(state_before, 'ready')`,
        state_since: now,
        state_reason: null,
        state_before: null,
      })
      .where('id', '=', id)
      .where('state', '=', 'lost')
      .execute()
    audit({ action: 'worker.return', kind: 'worker', id: name })
  }
  for (const { id } of plan.drained) {
    await tx
      .updateTable('workers')
      .set({ state_reason: DRAINED })
      .where('id', '=', id)
      .where('state', '=', 'draining')
      .execute()
  }
  for (const { id, connection } of plan.changed) {
    // Its name and its group are those with which it joined.
    const { name: _name, worker_group: _group, ...row } = factsRow(connection.facts, connection.peerHash)
    const before = await tx
      .selectFrom('workers')
      .select(['worker_group', 'facts'])
      .where('id', '=', id)
      .executeTakeFirst()
    if (before === undefined) continue
    const { ports } = before.facts as Partial<WorkerFacts>
    await followPorts(tx, before.worker_group, ports, connection.facts.ports)
    await tx.updateTable('workers').set(row).where('id', '=', id).execute()
  }
  for (const { id, workers } of plan.clusters) {
    const space = id.indexOf(' ')
    const row = { connected_workers: [...workers], last_seen_at: now }
    await tx
      .insertInto('clusters')
      .values({ credential: id.slice(0, space), name: id.slice(space + 1), ...row })
      .onConflict((conflict) => conflict.columns(['credential', 'name']).doUpdateSet(row))
      .execute()
  }
}
