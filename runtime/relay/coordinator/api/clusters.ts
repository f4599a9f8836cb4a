import { sql } from 'kysely'
import type { Cluster } from '@branchline/wire/circuits/cluster'
import { refusal } from '@branchline/wire/circuits/problem'
import type { Page, PageQuery } from '../access/paging.ts'
import { cursorOf, DEFAULT_PAGE, readCursor } from '../circuits/list.ts'
import type { Store } from '../store/store.ts'

/** Lists clusters by credential and name. */
export async function listClusters(
  store: Store,
  { limit = DEFAULT_PAGE, cursor }: PageQuery,
): Promise<Page<Cluster>> {
  const after = cursor === undefined ? undefined : readPair(cursor)
  const rows = await store.read((db) => {
    const query = db.selectFrom('clusters').selectAll()
    return (
      after === undefined ? query : query.where(sql<boolean>`(credential, name) > (${after[0]}, ${after[1]})`)
    )
      .orderBy('credential')
      .orderBy('name')
      .limit(limit + 1)
      .execute()
  })
  const items = rows.slice(0, limit).map((row) => ({
    credential: row.credential,
    name: row.name,
    firstSeenAt: row.first_seen_at.toISOString(),
    lastSeenAt: row.last_seen_at.toISOString(),
    workers: row.connected_workers,
  }))
  const last = items.at(-1)
  return rows.length > limit && last !== undefined
    ? { items, next: cursorOf(JSON.stringify([last.credential, last.name])) }
    : { items }
}

function readPair(cursor: string): readonly [string, string] {
  try {
    const pair = JSON.parse(readCursor(cursor)) as unknown
    if (Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string')
      return [pair[0], pair[1]]
  } catch {
    // Refused below.
  }
  throw refusal('invalid-request', {
    errors: [{ pointer: '?cursor', detail: 'not a cursor of this list: use the value of next' }],
  })
}
