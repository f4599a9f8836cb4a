import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { violatedConstraint } from './failure.ts'
import { type TestServer, testServer } from './fixture.ts'
import type { Store, Tx } from './store.ts'

let server: TestServer
let store: Store
beforeAll(async () => {
  server = await testServer()
})
beforeEach(async () => {
  ;({ store } = await server.testStore())
})
afterEach(() => server.closeStores())
afterAll(() => server.stop())

const SYSTEM = { actor: 'system' }
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const subdomain = (key: string, label: string | null) => ({
  key,
  frontend: 'subdomain' as const,
  host_label: label,
  spec: '{}',
})
const port = (key: string, number: number | null, group = 'default') => ({
  key,
  frontend: 'port' as const,
  port: number,
  worker_group: group,
  spec: '{}',
})

/** Returns the name of the constraint that refuses the statements, or undefined. */
async function refused(write: (tx: Tx) => Promise<unknown>): Promise<string | undefined> {
  try {
    await store.write(write)
    return undefined
  } catch (error) {
    return violatedConstraint(error) ?? String(error)
  }
}

test('two circuits never share a key, a label or a port of their group', async () => {
  const add = (...rows: ReturnType<typeof subdomain | typeof port>[]) =>
    refused((tx) => tx.insertInto('circuits').values(rows).execute())
  await store.write((tx) => tx.insertInto('worker_groups').values({ name: 'gpu' }).execute())
  expect(await add(subdomain('a', 'a'), port('b', 30_000), port('c', 30_000, 'gpu'))).toBeUndefined()
  expect(await add(subdomain('a', 'other'))).toBe('circuits_key')
  expect(await add(subdomain('d', 'a'))).toBe('circuits_host_label')
  expect(await add(port('d', 30_000))).toBe('circuits_port')
  expect(await add(subdomain('d', null))).toBe('circuits_frontend')
  expect(await add(port('d', null))).toBe('circuits_frontend')
  expect(await add({ ...subdomain('d', 'd'), host_label: 'A.b' })).toBe('circuits_host_label_check')
})

test('a removed circuit frees its key, label and port', async () => {
  await store.write((tx) => tx.insertInto('circuits').values(subdomain('a', 'a')).execute())
  const remove = (label: string | null) =>
    refused((tx) => tx.updateTable('circuits').set({ state: 'removed', host_label: label }).execute())
  expect(await remove('a')).toBe('circuits_frontend')
  expect(await remove(null)).toBeUndefined()
  expect(
    await refused((tx) => tx.insertInto('circuits').values(subdomain('a', 'a')).execute()),
  ).toBeUndefined()
})

test('no credential can be stored in plain text', async () => {
  const key = { name: 'k', prefix: 'blk_1', scopes: ['circuits:read'] }
  const add = (hash: string) =>
    refused((tx) =>
      tx
        .insertInto('api_keys')
        .values({ ...key, hash })
        .execute(),
    )
  expect(await add('blk_secret')).toBe('sha256_check')
  expect(await add(sha256('blk_secret'))).toBeUndefined()
  expect(await add(sha256('blk_secret'))).toBe('api_keys_hash')
})

test('the audit log cannot be changed', async () => {
  await store.change(SYSTEM, async ({ audit }) => audit({ action: 'a', kind: 'k', id: '1' }))
  expect(await refused((tx) => tx.updateTable('audit').set({ actor: 'x' }).execute())).toContain(
    'append-only',
  )
})

test('changes has the last epoch of each object, also of a deleted one', async () => {
  const id = await addWithTarget()
  await store.change(SYSTEM, ({ tx }) =>
    tx.updateTable('targets').set({ weight: 5 }).where('circuit_id', '=', id).execute(),
  )
  await store.change(SYSTEM, ({ tx }) =>
    tx.insertInto('clusters').values({ credential: 'acme', name: 'eu' }).execute(),
  )
  // Counters are of no interest to followers.
  await store.write((tx) => tx.updateTable('circuits').set({ requests: 7 }).execute())
  expect(await changes()).toEqual([
    { kind: 'circuit', id, epoch: 2 },
    { kind: 'cluster', id: 'acme/eu', epoch: 3 },
  ])
  await store.change(SYSTEM, ({ tx }) => tx.deleteFrom('circuits').where('id', '=', id).execute())
  expect(await changes()).toEqual([
    { kind: 'cluster', id: 'acme/eu', epoch: 3 },
    { kind: 'circuit', id, epoch: 4 },
  ])
})

async function addWithTarget(): Promise<string> {
  const { value } = await store.change(SYSTEM, async ({ tx }) => {
    const { id } = await tx
      .insertInto('circuits')
      .values(subdomain('a', 'a'))
      .returning('id')
      .executeTakeFirstOrThrow()
    await tx.insertInto('targets').values({ circuit_id: id, id: 'a', kind: 'address', spec: '{}' }).execute()
    return id
  })
  return value
}

const changes = () => store.read((db) => db.selectFrom('changes').selectAll().orderBy('epoch').execute())

test('bigints are numbers, times are dates, and JSON is parsed', async () => {
  const at = new Date('2026-11-28T01:02:03.004Z')
  await store.write((tx) =>
    tx
      .insertInto('circuits')
      .values({
        ...subdomain('a', 'a'),
        ttl_ms: 3_600_000,
        last_access_at: at,
        owner: JSON.stringify([{ type: 'key', id: 'k1' }]),
      })
      .execute(),
  )
  const row = await store.read((db) => db.selectFrom('circuits').selectAll().executeTakeFirstOrThrow())
  expect(row).toMatchObject({
    version: 1,
    requests: 0,
    ttl_ms: 3_600_000,
    last_access_at: at,
    owner: [{ type: 'key', id: 'k1' }],
    state: 'active',
    status: 'PENDING',
  })
})
