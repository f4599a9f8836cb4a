import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { WorkerFacts } from '@branchline/wire/circuits/worker'
import { type TestServer, testServer } from '../store/fixture.ts'
import type { Store } from '../store/store.ts'
import { hashOf } from '@branchline/wire/circuits/secret'
import { joinLocal, joinWorker } from './join.ts'
import { writePresence } from './presence-writes.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(() => server.closeStores())
afterAll(() => server.stop())

const FACTS: WorkerFacts = {
  name: 'one',
  group: 'default',
  version: '1',
  labels: {},
  backends: ['http'],
  addresses: {},
  maxCircuits: 10,
}

async function tokenFor(
  store: Store,
  fields: { max_uses?: number; expires_at?: Date } = {},
): Promise<string> {
  const token = 'blj_token'
  await store.write((tx) =>
    tx
      .insertInto('join_tokens')
      .values({ hash: hashOf(token), worker_group: 'default', ...fields })
      .execute(),
  )
  return token
}

test('a worker joins with a token, and only the hash of its credential is stored', async () => {
  const { store } = await server.testStore()
  const { id, credential } = await joinWorker(store, await tokenFor(store), FACTS)
  expect(credential).toMatch(/^blw_[\w-]{43}$/)
  const rows = await store.read((db) => db.selectFrom('workers').selectAll().execute())
  expect(rows).toMatchObject([{ id, name: 'one', state: 'lost', credential_hash: hashOf(credential) }])
})

test.each([
  ['that is unknown', undefined],
  ['that has expired', { expires_at: new Date(0) }],
])('a token %s is refused', async (_, fields) => {
  const { store } = await server.testStore()
  if (fields !== undefined) await tokenFor(store, fields)
  await expect(joinWorker(store, 'blj_token', FACTS)).rejects.toThrow(/join token is not valid/)
})

test('a token is used only as often as it says', async () => {
  const { store } = await server.testStore()
  const token = await tokenFor(store, { max_uses: 1 })
  await joinWorker(store, token, FACTS)
  await expect(joinWorker(store, token, { ...FACTS, name: 'two' })).rejects.toThrow(/join token is not valid/)
})

test('a worker takes the place of a lost one of its name, and never that of a connected one', async () => {
  const { store } = await server.testStore()
  const token = await tokenFor(store)
  const first = await joinWorker(store, token, FACTS)
  const second = await joinWorker(store, token, FACTS)
  expect(second.id).toBe(first.id)
  expect(second.credential).not.toBe(first.credential)
  await store.write((tx) => tx.updateTable('workers').set({ state: 'ready' }).execute())
  await expect(joinWorker(store, token, FACTS)).rejects.toThrow(/named one is connected/)
  // The worker of a process with both roles has been restarted with its coordinator.
  expect((await joinLocal(store, FACTS)).id).toBe(first.id)
})

test('the worker of a process with both roles sets the ports of its group', async () => {
  const { store } = await server.testStore()
  await joinLocal(store, { ...FACTS, group: 'edge', ports: { from: 30_000, to: 30_009 } })
  const group = await store.read((db) =>
    db.selectFrom('worker_groups').selectAll().where('name', '=', 'edge').executeTakeFirst(),
  )
  expect(group).toMatchObject({ port_from: 30_000, port_to: 30_009 })
})

test('a worker that joins gives its group a range of ports, and later only a range that has changed', async () => {
  const { store } = await server.testStore()
  const token = await tokenFor(store)
  const groupPorts = async () => {
    const row = await store.read((db) =>
      db.selectFrom('worker_groups').selectAll().where('name', '=', 'default').executeTakeFirstOrThrow(),
    )
    return [row.port_from, row.port_to]
  }
  const ports = { from: 30_000, to: 30_009 }
  const { id } = await joinWorker(store, token, { ...FACTS, ports })
  expect(await groupPorts()).toEqual([30_000, 30_009])
  // An admin sets another range: a further worker, and one that says the same as before, do not change it.
  await store.write((tx) =>
    tx.updateTable('worker_groups').set({ port_from: 31_000, port_to: 31_009 }).execute(),
  )
  await joinWorker(store, token, { ...FACTS, name: 'two', ports })
  await joinWorker(store, token, { ...FACTS, ports })
  expect(await groupPorts()).toEqual([31_000, 31_009])
  // It has been restarted with another range.
  const facts = { ...FACTS, ports: { from: 32_000, to: 32_009 } }
  const connection = { facts, peerHash: 'a'.repeat(64), clusters: new Set<string>(), drained: false }
  await store.change({ actor: 'relay' }, (change) =>
    writePresence(change, {
      lost: [],
      returned: [],
      drained: [],
      clusters: [],
      changed: [{ id, connection }],
    }),
  )
  expect(await groupPorts()).toEqual([32_000, 32_009])
})
