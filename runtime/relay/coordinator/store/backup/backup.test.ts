import { createHash } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../../../../process/temporary.ts'
import { until } from '../../../../testing/until.ts'
import { type TestServer, type TestStore, testServer } from '../fixture.ts'
import { DEFAULT_STORE_LIMITS as LIMITS } from '../limits.ts'
import { SCHEMA_VERSION } from '../migrations/index.ts'
import type { Store } from '../store.ts'
import { backup } from './backup.ts'
import { restore } from './restore.ts'

let server: TestServer
let folder: string
beforeAll(async () => {
  server = await testServer()
  folder = temporaryFolder('backup')
})
afterEach(() => server.closeStores())
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Puts at least one row into every table of the first migration. */
async function fill({ store }: TestStore): Promise<void> {
  await store.change({ actor: 'system', requestId: 'r' }, async ({ tx, audit }) => {
    await tx.insertInto('worker_groups').values({ name: 'gpu', port_from: 30_000, port_to: 30_999 }).execute()
    const worker = { name: 'w', worker_group: 'gpu', credential_hash: hash('w'), labels: '{"zone":"a\\nb"}' }
    await tx.insertInto('workers').values(worker).execute()
    await tx
      .insertInto('join_tokens')
      .values({ hash: hash('j'), worker_group: 'gpu' })
      .execute()
    const row = {
      key: 'ä/"1"',
      frontend: 'subdomain',
      host_label: 'a',
      spec: '{"n":1.5}',
      ttl_ms: 2 ** 40,
    } as const
    const { id } = await tx.insertInto('circuits').values(row).returning('id').executeTakeFirstOrThrow()
    await tx.insertInto('hosts').values({ host: 'a.example.com', circuit_id: id }).execute()
    await tx.insertInto('targets').values({ circuit_id: id, id: 'a', kind: 'address', spec: '{}' }).execute()
    await tx
      .insertInto('clusters')
      .values({ credential: 'c', name: 'n', connected_workers: [id] })
      .execute()
    const key = { name: 'k', prefix: 'blk', hash: hash('k'), scopes: ['circuits:read', 'a,b'] }
    const { id: api_key_id } = await tx
      .insertInto('api_keys')
      .values(key)
      .returning('id')
      .executeTakeFirstOrThrow()
    const until = { circuit_id: id, holder: 'h', expires_at: new Date('2030-01-02T03:04:05.678Z') }
    await tx
      .insertInto('access_tokens')
      .values({ holder: 'h', circuits: [id], hash: hash('t') })
      .execute()
    await tx
      .insertInto('sessions')
      .values({ ...until, hash: hash('s') })
      .execute()
    await tx
      .insertInto('codes')
      .values({ ...until, hash: hash('o'), host: 'a' })
      .execute()
    const request = { api_key_id, key: 'i', method: 'POST', path: '/', request_hash: hash('r') }
    await tx
      .insertInto('idempotency')
      .values({ ...request, expires_at: until.expires_at, response_body: '[1]' })
      .execute()
    audit({ action: 'a', kind: 'circuit', id, after: { text: 'b' } })
  })
}

async function contents(store: Store): Promise<Record<string, unknown>> {
  const tables: Record<string, unknown> = {}
  const names = await store.read((db) =>
    sql<{ name: string }>`select tablename as name from pg_tables
      where schemaname = 'branchline' and tablename !~ '^(relay|changes|migrations)'`.execute(db),
  )
  for (const { name: table } of names.rows) {
    const { rows } = await store.read((db) =>
      sql`select to_jsonb(t) as row from ${sql.table(table)} t order by t::text`.execute(db),
    )
    tables[table] = rows
  }
  return tables
}

test('a backup restored into an empty database has the same data, and follows the old epochs', async () => {
  const from = await server.testStore()
  await fill(from)
  const file = join(folder, 'full.jsonl')
  const { epoch, rows } = await backup(from.address, LIMITS, file)
  expect(epoch).toBe(1)
  expect(statSync(file).mode & 0o777).toBe(0o600)

  // Without tables.
  const address = await server.database()
  const restored = await restore(address, LIMITS, file)
  expect(restored.rows).toBe(rows)
  const to = server.open(address)
  expect(await contents(to)).toEqual(await contents(from.store))
  expect(Object.keys(await contents(to)).length).toBeGreaterThan(12)
  const { epoch: next } = await to.change({ actor: 'system' }, async ({ audit }) =>
    audit({ action: 'next', kind: 'k', id: '1' }),
  )
  expect(next).toBe(restored.epoch + 1)
  expect(next).toBeGreaterThan(1_000)
  const relay = await to.read((db) => db.selectFrom('relay').selectAll().executeTakeFirstOrThrow())
  expect(relay.term).toBeGreaterThan(1_000)
  expect(relay.changes_from).toBe(restored.epoch)
})

test('data is replaced only by force, and running coordinators learn of it', async () => {
  const from = await server.testStore()
  await fill(from)
  const file = join(folder, 'forced.jsonl')
  await backup(from.address, LIMITS, file)
  const to = await server.testStore({ epochPollMs: 600_000 })
  await to.store.change({ actor: 'system' }, ({ tx }) =>
    tx.insertInto('worker_groups').values({ name: 'old' }).execute(),
  )
  const epochs: number[] = []
  to.store.onEpoch((epoch) => epochs.push(epoch))
  await until(() => epochs.includes(1))
  await expect(restore(to.address, LIMITS, file)).rejects.toMatchObject({
    code: 'BL_RELAY_BACKUP',
    message: expect.stringContaining('has data (table worker_groups)') as string,
  })
  const { epoch } = await restore(to.address, LIMITS, file, { force: true })
  expect(await contents(to.store)).toEqual(await contents(from.store))
  await until(() => epochs.includes(epoch))
})

test('a damaged, truncated or foreign file changes nothing', async () => {
  const from = await server.testStore()
  await fill(from)
  const file = join(folder, 'whole.jsonl')
  await backup(from.address, LIMITS, file)
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  const { address, store } = await server.testStore()
  const attempt = async (text: string): Promise<string> => {
    const bad = join(folder, 'bad.jsonl')
    writeFileSync(bad, text)
    const error: unknown = await restore(address, LIMITS, bad, { force: true }).catch(
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ code: 'BL_RELAY_BACKUP' })
    return String(error)
  }
  expect(await attempt(lines.slice(0, -1).join('\n'))).toContain(
    `damaged or incomplete at line ${lines.length}`,
  )
  expect(await attempt([...lines.slice(0, 4), ...lines.slice(5)].join('\n'))).toContain(
    'damaged or incomplete',
  )
  expect(await attempt([lines[0], '["pg_authid", {}]', ...lines.slice(1)].join('\n'))).toContain('at line 2')
  expect(await attempt('')).toContain('is no backup of a relay')
  const other = JSON.stringify({ ...(JSON.parse(lines[0] as string) as object), schema: '0000-old' })
  expect(await attempt([other, ...lines.slice(1)].join('\n'))).toContain(
    `written by a release with the tables 0000-old, and this one has ${SCHEMA_VERSION}`,
  )
  await expect(restore(address, LIMITS, join(folder, 'none'))).rejects.toMatchObject({
    code: 'BL_RELAY_BACKUP',
  })
  const groups = await store.read((db) => db.selectFrom('worker_groups').select('name').execute())
  expect(groups).toEqual([{ name: 'default' }])
})

test('a database without our tables, or with those of another version, is refused', async () => {
  const file = join(folder, 'refused.jsonl')
  await expect(backup(await server.database(), LIMITS, file)).rejects.toMatchObject({
    code: 'BL_RELAY_BACKUP',
  })
  const { store, address } = await server.testStore()
  await store.read((db) =>
    sql`update migrations set name = '0000-old' where name = ${SCHEMA_VERSION}`.execute(db),
  )
  await expect(backup(address, LIMITS, file)).rejects.toThrow('the tables of version')
})

test('more rows than are read at once', async () => {
  const from = await server.testStore()
  await from.store.change({ actor: 'system' }, ({ tx }) =>
    sql`insert into circuits (key, frontend, host_label, spec)
        select 'c' || n, 'subdomain', 'l' || n, '{}' from generate_series(1, 2500) n`.execute(tx),
  )
  const file = join(folder, 'many.jsonl')
  await backup(from.address, LIMITS, file)
  const address = await server.database()
  expect((await restore(address, LIMITS, file)).rows).toBe(2_501)
  const counted = await server.open(address).read((db) =>
    db
      .selectFrom('circuits')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .execute(),
  )
  expect(counted).toEqual([{ n: 2_500 }])
})
