import { type SelectQueryBuilder, sql } from 'kysely'
import { refusal } from '@branchline/wire/circuits/problem'
import { cursorOf, DEFAULT_PAGE, readCursor } from '../circuits/list.ts'
import type { Reader, Store } from '../store/store.ts'
import type { Tables } from '../store/tables.ts'

/** Which part of a list a client wants. */
export interface PageQuery {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

/** Part of a list. */
export interface Page<T> {
  items: T[]
  next?: string
}

type Listed = 'api_keys' | 'access_tokens' | 'join_tokens'

/** Reads a page of a table whose rows have an id and a time, the oldest first. */
export async function pageOf<Row extends { readonly id: string; readonly created_at: Date }, T>(
  store: Store,
  select: (db: Reader) => SelectQueryBuilder<Tables, Listed, Row>,
  { limit = DEFAULT_PAGE, cursor }: PageQuery,
  show: (row: Row) => T,
): Promise<Page<T>> {
  const after = cursor === undefined ? undefined : readPosition(cursor)
  const rows = (await store.read((db) => {
    let query = select(db)
    if (after !== undefined) {
      query = query.where(
        sql<boolean>`(date_trunc('milliseconds', created_at), id) > (${after.at}, ${after.id}::uuid)`,
      )
    }
    return query
      .orderBy(sql`date_trunc('milliseconds', created_at)`)
      .orderBy('id')
      .limit(limit + 1)
      .execute()
  })) as Row[]
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const items = shown.map(show)
  return rows.length > limit && last !== undefined
    ? { items, next: cursorOf(`${last.created_at.toISOString()} ${last.id}`) }
    : { items }
}

const POSITION = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([0-9a-f-]{36})$/

function readPosition(cursor: string): { at: Date; id: string } {
  const [, at, id] = POSITION.exec(readCursor(cursor)) ?? []
  const date = new Date(at ?? '')
  if (id !== undefined && !Number.isNaN(date.getTime())) return { at: date, id }
  throw refusal('invalid-request', {
    errors: [{ pointer: '?cursor', detail: 'not a cursor of this list: use the value of next' }],
  })
}
