import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type DatabaseAddress, openConnection, type OwnConnection } from '../connection.ts'
import { StoreError } from '../errors.ts'
import { asStoreError } from '../failure.ts'
import type { StoreLimits } from '../limits.ts'
import { MIGRATIONS, SCHEMA_VERSION } from '../migrations/index.ts'
import { type BackupHeader, FORMAT } from './format.ts'
import { listTables } from './table-order.ts'

const ROWS_AT_ONCE = 1_000

/** What a backup contains. */
export interface BackupSummary {
  readonly epoch: number
  readonly rows: number
}

/**
 * Writes all tables, as they are at one moment, to a file that only this user can read: it contains hashes of
 * credentials. The relay may run. The file appears only once it is complete. Rejects with BL_RELAY_BACKUP if the tables
 * are not of this version.
 */
export async function backup(
  address: DatabaseAddress,
  limits: StoreLimits,
  file: string,
): Promise<BackupSummary> {
  const connection = await openConnection(address, { ...limits, answerMs: limits.migrateMs }).catch(rethrow)
  const partial = `${file}.${process.pid}.part`
  try {
    await connection.query(`set statement_timeout = ${limits.migrateMs}`)
    await connection.query('begin isolation level repeatable read read only')
    const header = await headerOf(connection)
    let rows = 0
    const count = (): number => ++rows
    const lines = Readable.from(linesOf(connection, header, count))
    await pipeline(lines, createWriteStream(partial, { mode: 0o600 }))
    await sync(partial)
    await rename(partial, file)
    await sync(dirname(file))
    return { epoch: header.epoch, rows }
  } catch (error) {
    await rm(partial, { force: true })
    return rethrow(error)
  } finally {
    connection.close()
  }
}

/** Reads the header, and refuses tables of another version. */
async function headerOf({ query }: OwnConnection): Promise<BackupHeader> {
  const [exists] = await query<{ found: string | null }>(`select to_regclass('migrations') as found`)
  const applied =
    (exists?.found ?? null) === null
      ? []
      : await query<{ name: string }>('select name from migrations order by name')
  const schema = applied.at(-1)?.name
  if (schema !== SCHEMA_VERSION || applied.length !== Object.keys(MIGRATIONS).length) {
    throw new StoreError(
      'BL_RELAY_BACKUP',
      `The database has the tables of version ${schema ?? 'none'}, and this is ${SCHEMA_VERSION}: ` +
        'run branchline relay migrate first',
    )
  }
  const [relay] = await query<{ epoch: number; term: number }>('select epoch, term from relay')
  const { epoch = 0, term = 0 } = relay ?? {}
  return { ...FORMAT, schema, at: new Date().toISOString(), epoch, term }
}

async function* linesOf(
  connection: OwnConnection,
  header: BackupHeader,
  count: () => number,
): AsyncGenerator<string> {
  const { query } = connection
  yield `${JSON.stringify(header)}\n`
  let rows = 0
  for (const table of await listTables(connection)) {
    await query(`declare backup no scroll cursor for select to_jsonb(t)::text as row from ${table} t`)
    for (;;) {
      const batch = await query<{ row: string }>(`fetch ${ROWS_AT_ONCE} from backup`)
      if (batch.length === 0) break
      for (const { row } of batch) {
        rows = count()
        yield `["${table}",${row}]\n`
      }
    }
    await query('close backup')
  }
  yield `${JSON.stringify({ end: true, rows })}\n`
}

async function sync(path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function rethrow(error: unknown): never {
  throw asStoreError(error)
}
