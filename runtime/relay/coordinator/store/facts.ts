import { type DatabaseAddress, openConnection } from './connection.ts'
import { asStoreError } from './failure.ts'
import { DEFAULT_STORE_LIMITS, type StoreLimits } from './limits.ts'
import { MIGRATIONS } from './migrations/index.ts'

/** What a check wants to know about a database. */
export interface StoreFacts {
  /** Such as `18.4`. */
  readonly version: string
  /** Migrations that are not applied yet. */
  readonly pending: readonly string[]
  /** Applied migrations that this code does not know. */
  readonly unknown: readonly string[]
  /** How far the clock of the database is ahead of ours, in milliseconds. */
  readonly aheadMs: number
}

/** Reads facts about a database, and changes nothing. Rejects with BL_RELAY_DATABASE if it cannot be reached. */
export async function readFacts(
  address: DatabaseAddress,
  limits: StoreLimits = DEFAULT_STORE_LIMITS,
): Promise<StoreFacts> {
  try {
    const connection = await openConnection(address, limits)
    try {
      const { query } = connection
      const before = Date.now()
      const [now] = await query<{ at: Date; version: string }>(
        `select clock_timestamp() as at, current_setting('server_version') as version`,
      )
      const aheadMs = Math.round((now?.at.getTime() ?? 0) - (before + Date.now()) / 2)
      const [exists] = await query<{ found: string | null }>(`select to_regclass('migrations') as found`)
      const rows =
        (exists?.found ?? null) === null ? [] : await query<{ name: string }>('select name from migrations')
      const applied = rows.map(({ name }) => name)
      return {
        version: now?.version.split(' ', 1)[0] ?? '',
        pending: Object.keys(MIGRATIONS).filter((name) => !applied.includes(name)),
        unknown: applied.filter((name) => MIGRATIONS[name] === undefined),
        aheadMs,
      }
    } finally {
      connection.close()
    }
  } catch (error) {
    throw asStoreError(error)
  }
}
