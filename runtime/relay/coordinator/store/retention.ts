import { sql } from 'kysely'
import type { Store, Tx } from './store.ts'

/** How long the tables keep what nothing needs any more. */
export interface Retention {
  /** Lines of the audit log. Default: 90 days. */
  readonly auditMs: number
  /** Sessions that have ended, and removed circuits. Default: 1 day. */
  readonly endedMs: number
  /** How many epochs back {@link changedSince} knows what was changed. Default: 100,000. */
  readonly changes: number
  /** The maximum rows of one table that one call deletes. Default: 5,000. */
  readonly rows: number
}

const DAY_MS = 86_400_000

/** The defaults of {@link Retention}. */
export const DEFAULT_RETENTION: Retention = {
  auditMs: 90 * DAY_MS,
  endedMs: DAY_MS,
  changes: 100_000,
  rows: 5_000,
}

/** What is deleted, by table. */
const CONDITIONS = {
  codes: () => sql`expires_at < now()`,
  idempotency: () => sql`expires_at < now()`,
  audit: ({ auditMs }) => sql`at < now() - ${auditMs / 1000} * interval '1 s'`,
  sessions: ({ endedMs }) => sql`least(expires_at, revoked_at) < now() - ${endedMs / 1000} * interval '1 s'`,
  circuits: ({ endedMs }) =>
    sql`state = 'removed' and state_since < now() - ${endedMs / 1000} * interval '1 s'`,
} satisfies Record<string, (retention: Retention) => ReturnType<typeof sql>>

/** Tables whose deletions followers see. */
const FOLLOWED = new Set(['sessions', 'circuits'])

/**
 * Deletes what nothing needs any more, and resolves with the number of rows. Call it at intervals, and again at once if
 * it has deleted `rows` or more. Several coordinators may do so at the same time.
 */
export async function deleteOld(store: Store, retention: Retention = DEFAULT_RETENTION): Promise<number> {
  const { value } = await store.change({ actor: 'system' }, async ({ tx, epoch, unchanged }) => {
    let total = 0
    let followed = 0
    for (const [table, condition] of Object.entries(CONDITIONS)) {
      const deleted = await deleteFrom(tx, table, condition(retention), retention.rows)
      total += deleted
      if (FOLLOWED.has(table)) followed += deleted
    }
    if (followed === 0) unchanged()
    return total + (await forgetChanges(tx, epoch - retention.changes))
  })
  return value
}

async function deleteFrom(
  tx: Tx,
  table: string,
  condition: ReturnType<typeof sql>,
  rows: number,
): Promise<number> {
  const name = sql.table(table)
  const { numAffectedRows = 0n } = await sql`
    delete from ${name} where ctid in (select ctid from ${name} where ${condition} limit ${rows})`.execute(tx)
  return Number(numAffectedRows)
}

async function forgetChanges(tx: Tx, before: number): Promise<number> {
  if (before <= 0) return 0
  await tx
    .updateTable('relay')
    .set({ changes_from: sql`greatest(changes_from, ${before})` })
    .execute()
  const { numDeletedRows } = await tx
    .deleteFrom('changes')
    .where('epoch', '<=', before)
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}
