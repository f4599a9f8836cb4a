import type { Selectable } from 'kysely'
import type { AuditEntry, Event } from '@branchline/wire/circuits/audit'
import type { Received } from '@branchline/wire/circuits/operations'
import { refusal } from '@branchline/wire/circuits/problem'
import { cursorOf, DEFAULT_PAGE, readCursor } from '../circuits/list.ts'
import type { Store } from '../store/store.ts'
import type { AuditTable } from '../store/tables.ts'

type AuditRow = Selectable<AuditTable>

/** Lists changes, the newest first. */
export async function listAudit(
  store: Store,
  { limit = DEFAULT_PAGE, cursor, kind, object, actor }: Received<'listAudit', 'query'>,
): Promise<{ items: AuditEntry[]; next?: string }> {
  const before = cursor === undefined ? undefined : readId(cursor)
  const rows = await store.read((db) => {
    let query = db.selectFrom('audit').selectAll()
    if (before !== undefined) query = query.where('id', '<', before)
    if (kind !== undefined) query = query.where('object_kind', '=', kind)
    if (object !== undefined) query = query.where('object_id', '=', object)
    if (actor !== undefined) query = query.where('actor', '=', actor)
    return query
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute()
  })
  const items = rows.slice(0, limit).map(toEntry)
  const last = items.at(-1)
  return rows.length > limit && last !== undefined ? { items, next: cursorOf(String(last.id)) } : { items }
}

/** Returns the changes after an id, the oldest first. */
export async function eventsAfter(store: Store, id: number, limit: number): Promise<Event[]> {
  const rows = await store.read((db) =>
    db.selectFrom('audit').selectAll().where('id', '>', id).orderBy('id').limit(limit).execute(),
  )
  return rows.map(toEvent)
}

/** The id of the newest change, 0 if there is none. */
export async function newestEvent(store: Store): Promise<number> {
  const row = await store.read((db) =>
    db.selectFrom('audit').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst(),
  )
  return row?.id ?? 0
}

function readId(cursor: string): number {
  const text = readCursor(cursor)
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw refusal('invalid-request', {
    errors: [{ pointer: '?cursor', detail: 'not a cursor of this list: use the value of next' }],
  })
}

const toEvent = (row: AuditRow): Event => ({
  id: row.id,
  at: row.at.toISOString(),
  epoch: row.epoch,
  actor: row.actor,
  action: row.action,
  kind: row.object_kind,
  object: row.object_id,
  ...(row.request_id === null ? {} : { requestId: row.request_id }),
})

const toEntry = (row: AuditRow): AuditEntry => ({
  ...toEvent(row),
  ...(row.before === null ? {} : { before: row.before as Record<string, unknown> }),
  ...(row.after === null ? {} : { after: row.after as Record<string, unknown> }),
})
