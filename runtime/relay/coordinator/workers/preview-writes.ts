import { sql } from 'kysely'
import type { ListedPreview } from '@branchline/wire/circuits/messages'
import type { Change, Tx } from '../store/store.ts'
import { accessOf, backendOf, keyOf, type PreviewPlan, targetOf } from './preview-plan.ts'

/** The id of the only target of a preview's circuit. */
const TARGET_ID = 'cluster'

/** Writes the plan of one cluster. Returns the labels of circuits that could not be made. */
export async function writePlan(
  { tx, audit }: Change,
  plan: PreviewPlan,
  group: string,
  batch: number,
): Promise<string[]> {
  const conflicts: string[] = []
  // First, so that a label that one cluster gives up is free for another one.
  for (const ids of pages(plan.remove, batch)) {
    await tx
      .deleteFrom('circuits')
      .where(
        'id',
        'in',
        ids.map(({ circuit }) => circuit.id),
      )
      .execute()
  }
  for (const { circuit } of plan.remove) audit({ action: 'circuit.delete', kind: 'circuit', id: circuit.key })
  for (const page of pages(plan.create, batch)) {
    const made = await create(tx, { ...plan, create: page }, group)
    for (const { label } of page) {
      if (!made.has(label)) conflicts.push(label)
      else audit({ action: 'circuit.create', kind: 'circuit', id: keyOf(label) })
    }
  }
  await update(tx, plan)
  return conflicts
}

/** Makes circuits. Returns the labels of those that were free. */
async function create(tx: Tx, plan: PreviewPlan, group: string): Promise<ReadonlySet<string>> {
  const owner = JSON.stringify([{ type: 'cluster', credential: plan.credential, cluster: plan.name }])
  const rows = await tx
    .insertInto('circuits')
    .values(
      plan.create.map((preview) => ({
        key: keyOf(preview.label),
        owner,
        frontend: 'subdomain' as const,
        host_label: preview.label,
        worker_group: group,
        spec: circuitSpecOf(preview),
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning(['id', 'host_label'])
    .execute()
  const ids = new Map(rows.map(({ id, host_label: label }) => [label, id]))
  const targets = plan.create.flatMap((preview) => {
    const id = ids.get(preview.label)
    if (id === undefined) return []
    return [{ circuit_id: id, id: TARGET_ID, kind: 'cluster' as const, spec: specOf(plan, preview) }]
  })
  if (targets.length > 0) await tx.insertInto('targets').values(targets).execute()
  return new Set([...ids.keys()].filter((label) => label !== null))
}

/** Changes circuits whose preview has another target or another access. */
async function update(tx: Tx, plan: PreviewPlan): Promise<void> {
  for (const { placed, preview } of plan.update) {
    const { id, access } = placed.circuit
    // Who had access under another rule has to prove the right again.
    if (access.type !== accessOf(preview).type)
      await tx.deleteFrom('sessions').where('circuit_id', '=', id).execute()
    await tx
      .updateTable('circuits')
      .set({
        spec: sql`spec || ${circuitSpecOf(preview)}::jsonb`,
        version: sql<number>`version + 1`,
        updated_at: new Date(),
      })
      .where('id', '=', id)
      .execute()
    await tx
      .updateTable('targets')
      .set({ spec: specOf(plan, preview) })
      .where('circuit_id', '=', id)
      .where('id', '=', TARGET_ID)
      .execute()
  }
}

const circuitSpecOf = (preview: ListedPreview): string =>
  JSON.stringify({ access: accessOf(preview), backend: backendOf(preview) })

const specOf = (cluster: Parameters<typeof targetOf>[0], preview: Parameters<typeof targetOf>[1]): string =>
  JSON.stringify({ cluster: targetOf(cluster, preview) })

function* pages<T>(list: readonly T[], length: number): Iterable<T[]> {
  for (let start = 0; start < list.length; start += length) yield list.slice(start, start + length)
}
