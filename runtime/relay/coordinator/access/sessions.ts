import { sql } from 'kysely'
import type { Session } from '@branchline/wire/circuits/credential'
import { refusal } from '@branchline/wire/circuits/problem'
import { actorOf, type Caller, owns } from '../circuits/caller.ts'
import { cursorOf, DEFAULT_PAGE, readCursor } from '../circuits/list.ts'
import type { Reader, Store } from '../store/store.ts'
import type { Page, PageQuery } from './paging.ts'

/** Lists the valid sessions at circuits of the caller, by their hash. */
export async function listSessions(
  store: Store,
  caller: Caller,
  { limit = DEFAULT_PAGE, cursor, circuit }: PageQuery & { readonly circuit?: string | undefined },
): Promise<Page<Session>> {
  const rows = await store.read((db) => {
    let query = validSessions(db, caller)
    if (circuit !== undefined) query = query.where('circuits.key', '=', circuit)
    if (cursor !== undefined) query = query.where('sessions.hash', '>', readCursor(cursor))
    return query
      .orderBy('sessions.hash')
      .limit(limit + 1)
      .execute()
  })
  const items = rows.slice(0, limit).map((row) => ({
    id: row.hash,
    circuit: row.key,
    holder: row.holder,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
  }))
  const last = items.at(-1)
  return rows.length > limit && last !== undefined ? { items, next: cursorOf(last.id) } : { items }
}

function validSessions(db: Reader, caller: Caller) {
  const all = db
    .selectFrom('sessions')
    .innerJoin('circuits', 'circuits.id', 'sessions.circuit_id')
    .selectAll('sessions')
    .select('circuits.key')
    .where('sessions.revoked_at', 'is', null)
    .where('sessions.expires_at', '>', new Date())
  const own = JSON.stringify([{ type: 'key', id: caller.keyId }])
  return caller.scopes.includes('admin') ? all : all.where(sql<boolean>`circuits.owner @> ${own}::jsonb`)
}

/** Ends the session that a browser has left. It is no error if there is none. */
export async function endSession(store: Store, hash: string): Promise<void> {
  await store.change({ actor: 'relay' }, async ({ tx, audit, unchanged }) => {
    const row = await tx
      .deleteFrom('sessions')
      .where('hash', '=', hash)
      .returning(['circuit_id', 'holder'])
      .executeTakeFirst()
    if (row === undefined) return unchanged()
    audit({ action: 'session.leave', kind: 'session', id: row.circuit_id, before: { holder: row.holder } })
  })
}

/** Revokes a session at once. */
export async function revokeSession(store: Store, caller: Caller, id: string): Promise<void> {
  await store.change(actorOf(caller), async ({ tx, audit }) => {
    const row = await tx
      .selectFrom('sessions')
      .innerJoin('circuits', 'circuits.id', 'sessions.circuit_id')
      .select(['circuits.owner', 'circuits.key', 'sessions.holder'])
      .where('sessions.hash', '=', id)
      .executeTakeFirst()
    if (row === undefined || !owns(caller, row)) {
      throw refusal('not-found', { detail: 'There is no session with this id at a circuit of yours.' })
    }
    await tx.deleteFrom('sessions').where('hash', '=', id).execute()
    audit({ action: 'session.revoke', kind: 'session', id: row.key, before: { holder: row.holder } })
  })
}
