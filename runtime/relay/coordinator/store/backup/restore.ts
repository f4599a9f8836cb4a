import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { type DatabaseAddress, openConnection, type OwnConnection } from '../connection.ts'
import { StoreError } from '../errors.ts'
import { asStoreError } from '../failure.ts'
import type { StoreLimits } from '../limits.ts'
import { migrate } from '../migrate.ts'
import { SCHEMA_VERSION } from '../migrations/index.ts'
import type { BackupSummary } from './backup.ts'
import { FORMAT } from './format.ts'
import { listTables } from './table-order.ts'

const ROWS_AT_ONCE = 1_000
/**
 * The restored epoch and term are this much above those of the backup, so that they are also above those that workers
 * have seen since then: workers refuse lower ones.
 */
const AHEAD = 1_000_000

const header = z.object({
  format: z.literal(FORMAT.format),
  version: z.number(),
  schema: z.string(),
  epoch: z.int().nonnegative(),
  term: z.int().nonnegative(),
})
const row = z.tuple([z.string(), z.record(z.string(), z.unknown())])
const footer = z.object({ end: z.literal(true), rows: z.int().nonnegative() })

/** Options of a restore. */
export interface RestoreOptions {
  /** Deletes the data of a database that is not empty. */
  readonly force?: boolean
}

/**
 * Reads a backup into a database, in one transaction: either everything is as in the backup, or nothing has changed.
 * Creates the tables if there are none. Running coordinators and workers follow. Rejects with BL_RELAY_BACKUP if the file
 * is damaged or of another version, or if there is data and no `force`.
 */
export async function restore(
  address: DatabaseAddress,
  limits: StoreLimits,
  file: string,
  { force = false }: RestoreOptions = {},
): Promise<BackupSummary> {
  await migrate(address, limits)
  const connection = await openConnection(address, { ...limits, answerMs: limits.migrateMs }).catch(rethrow)
  const { query } = connection
  try {
    await query(`set statement_timeout = ${limits.migrateMs}`)
    await query('set idle_in_transaction_session_timeout = 0')
    await query('begin')
    // Like a change: all others wait.
    await query('select epoch from relay for update')
    const tables = await listTables(connection)
    if (!force) await refuseData(connection, tables)
    await query(`truncate ${tables.join(', ')}, changes`)
    const summary = await load(connection, file, tables)
    await query('commit')
    return summary
  } catch (error) {
    return rethrow(error)
  } finally {
    // Without a commit, this rolls back.
    connection.close()
  }
}

/** A new database has the group `default` and nothing else. */
async function refuseData({ query }: OwnConnection, tables: readonly string[]): Promise<void> {
  for (const table of tables) {
    const condition = table === 'worker_groups' ? `where name <> 'default'` : ''
    const [found] = await query(`select 1 from ${table} ${condition} limit 1`)
    if (found === undefined) continue
    throw new StoreError(
      'BL_RELAY_BACKUP',
      `The database has data (table ${table}): restore into an empty one, or add --force to replace it`,
    )
  }
}

async function load(
  connection: OwnConnection,
  file: string,
  tables: readonly string[],
): Promise<BackupSummary> {
  const input = createReadStream(file)
  try {
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]()
    const { epoch, term } = readHeader(file, (await lines.next()).value)
    const rows = await loadRows(new Batch(connection, tables), file, lines)
    await finish(connection, epoch + AHEAD, term + AHEAD)
    return { epoch: epoch + AHEAD, rows }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    throw new StoreError('BL_RELAY_BACKUP', `${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  } finally {
    input.destroy()
  }
}

function readHeader(file: string, line: string | undefined): { epoch: number; term: number } {
  const parsed = header.safeParse(parseLine(line))
  if (!parsed.success)
    throw new StoreError('BL_RELAY_BACKUP', `${file} is no backup of a relay: name another file`)
  const { version, schema } = parsed.data
  if (version === FORMAT.version && schema === SCHEMA_VERSION) return parsed.data
  throw new StoreError(
    'BL_RELAY_BACKUP',
    `${file} was written by a release with the tables ${schema}, and this one has ${SCHEMA_VERSION}: ` +
      'restore it with that release, then migrate',
  )
}

async function loadRows(
  batch: Batch,
  file: string,
  lines: AsyncIterator<string, undefined>,
): Promise<number> {
  for (let number = 2; ; number++) {
    const { value, done } = await lines.next()
    const line = parseLine(done === true ? undefined : value)
    const end = footer.safeParse(line)
    if (end.success && end.data.rows === batch.rows) {
      await batch.flush()
      return batch.rows
    }
    const parsed = row.safeParse(line)
    if (!parsed.success || !batch.knows(parsed.data[0])) {
      const message = `${file} is damaged or incomplete at line ${number}: use another backup. Nothing was changed`
      throw new StoreError('BL_RELAY_BACKUP', message)
    }
    await batch.add(...parsed.data)
  }
}

function parseLine(line: string | undefined): unknown {
  try {
    return line === undefined ? undefined : JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Inserts many rows of one table at once. */
class Batch {
  readonly #connection: OwnConnection
  readonly #tables: ReadonlySet<string>
  #table: string | undefined
  #pending: unknown[] = []
  rows = 0

  constructor(connection: OwnConnection, tables: readonly string[]) {
    this.#connection = connection
    this.#tables = new Set(tables)
  }

  /** Only names of our tables become part of a statement. */
  knows(table: string): boolean {
    return this.#tables.has(table)
  }

  async add(table: string, values: Readonly<Record<string, unknown>>): Promise<void> {
    if (table !== this.#table || this.#pending.length >= ROWS_AT_ONCE) await this.flush()
    this.#table = table
    this.#pending.push(values)
    this.rows++
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0) return
    const select = `select * from jsonb_populate_recordset(null::${this.#table}, $1::jsonb)`
    const insert = `insert into ${this.#table} overriding system value ${select}`
    await this.#connection.query(insert, [JSON.stringify(this.#pending)])
    this.#pending = []
  }
}

async function finish({ query }: OwnConnection, epoch: number, term: number): Promise<void> {
  await query(`insert into worker_groups (name) values ('default') on conflict do nothing`)
  await query(
    `select setval(pg_get_serial_sequence('audit', 'id'), (select coalesce(max(id), 0) + 1 from audit), false)`,
  )
  const set = `epoch = greatest(epoch + 1, $1), term = greatest(term + 1, $2), changes_from = greatest(epoch + 1, $1)`
  await query(`update relay set ${set}, instance = gen_random_uuid()`, [epoch, term])
  await query(`select pg_notify('branchline', epoch::text) from relay`)
}

function rethrow(error: unknown): never {
  throw asStoreError(error)
}
