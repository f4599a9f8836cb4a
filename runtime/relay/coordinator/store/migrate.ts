import { Kysely, PostgresDialect, sql } from 'kysely'
import { type MigrationResultSet, Migrator, NO_MIGRATIONS } from 'kysely/migration'
import { type DatabaseAddress, SCHEMA } from './connection.ts'
import { StoreError } from './errors.ts'
import { asStoreError } from './failure.ts'
import type { StoreLimits } from './limits.ts'
import { MIGRATIONS, SCHEMA_VERSION } from './migrations/index.ts'
import { createPool } from './pool.ts'
import type { Tables } from './tables.ts'

const TABLE = 'migrations'

/** What a migration did: the names of the migrations that it applied or undid, in this order. */
export interface Migrated {
  readonly applied: readonly string[]
}

/**
 * Brings the tables to the version of this code (`latest`), to a named version, or to none (`empty`, which deletes all
 * data). An advisory lock lets one relay migrate at a time. Rejects with BL_RELAY_SCHEMA if the tables are of a newer
 * version, or if a migration fails; then nothing has changed.
 */
export async function migrate(
  address: DatabaseAddress,
  limits: StoreLimits,
  to: 'latest' | 'empty' | (string & {}) = 'latest',
): Promise<Migrated> {
  return withMigrator(address, limits, async (db, migrator) => {
    await refuseNewer(db)
    if (to === 'latest') return resultOf(await migrator.migrateToLatest())
    const target = to === 'empty' ? NO_MIGRATIONS : to
    if (typeof target === 'string' && MIGRATIONS[target] === undefined) {
      const known = Object.keys(MIGRATIONS).join(', ')
      throw new StoreError('BL_RELAY_SCHEMA', `There is no migration ${target}: choose one of ${known}`)
    }
    return resultOf(await migrator.migrateTo(target))
  })
}

/** Which migrations exist, and when each was applied. */
export async function listMigrations(
  address: DatabaseAddress,
  limits: StoreLimits,
): Promise<{ name: string; appliedAt: Date | undefined }[]> {
  return withMigrator(address, limits, async (_db, migrator) =>
    (await migrator.getMigrations()).map(({ name, executedAt: appliedAt }) => ({ name, appliedAt })),
  )
}

/** Returns the names of the applied migrations, also of those that this code does not know. */
export async function appliedMigrations(db: Kysely<Tables>): Promise<string[]> {
  const exists = await sql<{
    found: string | null
  }>`select to_regclass(${`${SCHEMA}.${TABLE}`}) as found`.execute(db)
  if ((exists.rows[0]?.found ?? null) === null) return []
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(TABLE)} order by name`.execute(db)
  return rows.map(({ name }) => name)
}

async function refuseNewer(db: Kysely<Tables>): Promise<void> {
  const unknown = (await appliedMigrations(db)).filter((name) => MIGRATIONS[name] === undefined)
  if (unknown.length === 0) return
  throw new StoreError(
    'BL_RELAY_SCHEMA',
    `The database was migrated by a newer version of Branchline (${unknown.join(', ')}, and this one knows ` +
      `${SCHEMA_VERSION}): use that version, or undo its migrations with it (branchline relay migrate --to ${SCHEMA_VERSION})`,
  )
}

async function withMigrator<T>(
  address: DatabaseAddress,
  limits: StoreLimits,
  use: (db: Kysely<Tables>, migrator: Migrator) => Promise<T>,
): Promise<T> {
  const pool = createPool(address, limits, { connections: 2, statementMs: limits.migrateMs })
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  const migrator = new Migrator({
    db,
    // The order of the names is the order of the migrations.
    provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) },
    migrationTableName: TABLE,
    migrationLockTableName: `${TABLE}_lock`,
    migrationTableSchema: SCHEMA,
  })
  try {
    return await use(db, migrator)
  } catch (error) {
    throw asStoreError(error)
  } finally {
    await db.destroy()
  }
}

function resultOf({ error, results = [] }: MigrationResultSet): Migrated {
  if (error === undefined) return { applied: results.map(({ migrationName }) => migrationName) }
  const failed = results.find(({ status }) => status === 'Error')?.migrationName
  const stored = asStoreError(error)
  if (stored instanceof StoreError) throw stored
  throw new StoreError(
    'BL_RELAY_SCHEMA',
    `The migration ${failed ?? SCHEMA_VERSION} has failed, and nothing was changed: ${(error as Error).message}`,
    { cause: error },
  )
}
