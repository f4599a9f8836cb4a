import type { ChangeTable, ChangedKind } from './tables.ts'
import type { Tx } from './store.ts'

/** An object that was changed or deleted. */
export type Changed = Pick<ChangeTable, 'kind' | 'id'>

/**
 * Returns what was changed or deleted after an epoch, in a snapshot, for a follower that has everything up to it. Returns
 * undefined if that is no longer known: then the follower reads everything.
 */
export async function changedSince(
  tx: Tx,
  epoch: number,
  kinds: readonly ChangedKind[],
): Promise<Changed[] | undefined> {
  const { changes_from: from } = await tx.selectFrom('relay').select('changes_from').executeTakeFirstOrThrow()
  if (epoch < from) return undefined
  return tx
    .selectFrom('changes')
    .select(['kind', 'id'])
    .where('epoch', '>', epoch)
    .where('kind', 'in', kinds)
    .execute()
}
