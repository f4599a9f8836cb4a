import type { Store } from '../store/store.ts'

/** Returns the id of the worker whose credential has a hash. Undefined if there is none, or it has been removed. */
export async function findWorker(store: Store, hash: string): Promise<string | undefined> {
  const row = await store.read((db) =>
    db
      .selectFrom('workers')
      .select('id')
      .where('credential_hash', '=', hash)
      .where('state', '<>', 'left')
      .executeTakeFirst(),
  )
  return row?.id
}
