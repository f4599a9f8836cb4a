import { Kysely, PostgresDialect, sql } from 'kysely'
import { Pool } from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import type { DatabaseAddress } from './connection.ts'
import { type TestServer, testServer } from './fixture.ts'
import { DEFAULT_STORE_LIMITS as LIMITS } from './limits.ts'
import { listMigrations, migrate } from './migrate.ts'
import { MIGRATIONS } from './migrations/index.ts'
import type { Tables } from './tables.ts'

const NAMES = Object.keys(MIGRATIONS)

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(cleanUp)
afterAll(() => server.stop())

function connect(address: DatabaseAddress): Kysely<Tables> {
  const pool = new Pool({ ...address, options: '-c search_path=branchline' })
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  later(() => db.destroy())
  return db
}

/** Everything in our schema: tables, functions, types. */
async function objects(db: Kysely<Tables>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_class where relnamespace = 'branchline'::regnamespace and relkind = 'r'
    union select proname from pg_proc where pronamespace = 'branchline'::regnamespace
    union select typname from pg_type where typnamespace = 'branchline'::regnamespace and typtype = 'd'
    order by 1`.execute(db)
  return rows.map(({ name }) => name)
}

test('migrations go up, down, and up again', async () => {
  const address = await server.database()
  const db = connect(address)
  expect(await migrate(address, LIMITS)).toEqual({ applied: NAMES })
  const all = await objects(db)
  expect(all).toEqual(expect.arrayContaining(['circuits', 'record_change', 'sha256']) as string[])
  expect(await migrate(address, LIMITS, 'empty')).toEqual({ applied: NAMES.toReversed() })
  expect(await objects(db)).toEqual(['migrations', 'migrations_lock'])
  await migrate(address, LIMITS)
  expect(await objects(db)).toEqual(all)
})

test('each migration can be undone and applied again on data', async () => {
  const address = await server.database()
  const db = connect(address)
  for (const name of NAMES) {
    await migrate(address, LIMITS, name)
    await db
      .insertInto('worker_groups')
      .values({ name: `before-${name}` })
      .execute()
  }
  for (const name of NAMES.toReversed().slice(0, -1)) await migrate(address, LIMITS, name)
  await migrate(address, LIMITS)
  const groups = await db.selectFrom('worker_groups').select('name').orderBy('name').execute()
  expect(groups.map(({ name }) => name)).toEqual([...NAMES.map((name) => `before-${name}`), 'default'])
})

test('several relays that start at once migrate once', async () => {
  const address = await server.database()
  const results = await Promise.all(Array.from({ length: 3 }, () => migrate(address, LIMITS)))
  expect(results.flatMap(({ applied }) => applied)).toEqual(NAMES)
  const applied = (await listMigrations(address, LIMITS)).filter(({ appliedAt }) => appliedAt !== undefined)
  expect(applied.map(({ name }) => name)).toEqual(NAMES)
})

test('a database of a newer version is refused with what to do', async () => {
  const address = await server.database()
  await migrate(address, LIMITS)
  await sql`insert into migrations (name, timestamp) values ('9999-future', 'now')`.execute(connect(address))
  await expect(migrate(address, LIMITS)).rejects.toMatchObject({
    code: 'BL_RELAY_SCHEMA',
    message: expect.stringContaining('newer version of Branchline (9999-future') as string,
  })
})

test('a name that is no migration is refused', async () => {
  const address = await server.database()
  await expect(migrate(address, LIMITS, '0000-none')).rejects.toMatchObject({ code: 'BL_RELAY_SCHEMA' })
})

test('a server that cannot be reached, or does not let us in, is BL_RELAY_DATABASE', async () => {
  const nowhere = { connectionString: 'postgres://user:secret@127.0.0.1:1/none' }
  const error: unknown = await migrate(nowhere, LIMITS).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'BL_RELAY_DATABASE', retryable: true })
  expect(String(error)).not.toContain('secret')
  const missing = { ...server.server.address, database: 'missing' }
  await expect(migrate(missing, LIMITS)).rejects.toMatchObject({
    code: 'BL_RELAY_DATABASE',
    message: 'The database does not respond: database "missing" does not exist',
  })
})
