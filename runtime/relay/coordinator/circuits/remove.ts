import { actorOf, type Caller } from './caller.ts'
import { type IfMatch, loadForChange } from './change.ts'
import type { CircuitContext } from './context.ts'
import { snapshotOf } from './create.ts'
import { specOf, type StoredCircuit } from './rows.ts'
import type { Change } from '../store/store.ts'

/**
 * Removes a circuit of the caller, and frees its label or port. With `drainSeconds`, open connections go on for that
 * long, new ones are refused, and then it is removed.
 */
export async function deleteCircuit(
  context: CircuitContext,
  caller: Caller,
  key: string,
  drainSeconds: number,
  ifMatch: IfMatch,
): Promise<void> {
  await context.store.change(actorOf(caller), async (change) => {
    const stored = await loadForChange(change.tx, caller, key, ifMatch)
    await (drainSeconds > 0
      ? drain(change, stored, Date.now() + drainSeconds * 1000)
      : removeCircuit(change, context, stored))
  })
}

/** Deletes the rows of a circuit. Its targets, hosts, sessions and codes go with it. */
export async function removeCircuit(
  { tx, audit }: Change,
  context: CircuitContext,
  stored: StoredCircuit,
  action = 'circuit.delete',
): Promise<void> {
  await tx.deleteFrom('circuits').where('id', '=', stored.row.id).execute()
  audit({ action, kind: 'circuit', id: stored.row.key, before: snapshotOf(stored, context) })
}

async function drain({ tx, audit }: Change, { row }: StoredCircuit, untilMs: number): Promise<void> {
  await tx
    .updateTable('circuits')
    .set((eb) => ({
      state: 'draining' as const,
      state_since: new Date(),
      updated_at: new Date(),
      spec: JSON.stringify({ ...specOf(row), drainUntilMs: untilMs }),
      version: eb('version', '+', 1),
    }))
    .where('id', '=', row.id)
    .execute()
  audit({
    action: 'circuit.drain',
    kind: 'circuit',
    id: row.key,
    after: { until: new Date(untilMs).toISOString() },
  })
}
