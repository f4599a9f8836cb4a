import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { until } from '../../../testing/until.ts'
import { violatedConstraint } from './failure.ts'
import { type TestServer, testServer } from './fixture.ts'
import type { Change, Store } from './store.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(() => server.closeStores())
afterAll(() => server.stop())

const SYSTEM = { actor: 'system' }

const circuit = (key: string, label = key) => ({
  key,
  frontend: 'subdomain' as const,
  host_label: label,
  spec: JSON.stringify({ backend: 'http' }),
})

const addCircuit =
  (key: string, label?: string) =>
  async ({ tx, audit }: Change): Promise<string> => {
    const { id } = await tx
      .insertInto('circuits')
      .values(circuit(key, label))
      .returning('id')
      .executeTakeFirstOrThrow()
    audit({
      action: 'circuit.create',
      kind: 'circuit',
      id: key,
      after: { key, token: 'blc_1', owner: [{ type: 'cluster', credential: 'acme' }] },
    })
    return id
  }

test('a change increments the epoch once, and is in the audit log without secrets', async () => {
  const { store } = await server.testStore()
  const { epoch } = await store.change({ actor: 'key:1', requestId: 'r-1' }, addCircuit('a'))
  expect(epoch).toBe(1)
  const log = await store.read((db) => db.selectFrom('audit').selectAll().execute())
  expect(log).toMatchObject([
    {
      id: 1,
      epoch: 1,
      actor: 'key:1',
      action: 'circuit.create',
      object_id: 'a',
      request_id: 'r-1',
      before: null,
      after: { key: 'a', token: '(hidden)', owner: [{ type: 'cluster', credential: 'acme' }] },
    },
  ])
})

test('a change that fails or changes nothing leaves the epoch', async () => {
  const { store } = await server.testStore()
  await store.change(SYSTEM, addCircuit('a'))
  const twice = store.change(SYSTEM, addCircuit('b', 'a'))
  const error = await twice.catch((reason: unknown) => reason)
  expect(violatedConstraint(error)).toBe('circuits_host_label')
  const idle = await store.change(SYSTEM, async ({ unchanged }) => unchanged())
  expect(idle.epoch).toBe(1)
  const { epoch, value } = await store.snapshot((tx) => tx.selectFrom('circuits').select('key').execute())
  expect({ epoch, value }).toEqual({ epoch: 1, value: [{ key: 'a' }] })
})

test('many changes of two coordinators at once each get their own epoch', async () => {
  const { store, further } = await server.testStore()
  const other = further()
  const changes = Array.from({ length: 40 }, (_, i) =>
    (i % 2 === 0 ? store : other).change(SYSTEM, addCircuit(`c${i}`)),
  )
  const epochs = (await Promise.all(changes)).map(({ epoch }) => epoch)
  expect(epochs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
})

test('a snapshot has exactly the changes up to its epoch', async () => {
  const { store, further } = await server.testStore()
  const reader = further()
  const writing = (async () => {
    for (let i = 0; i < 60; i++) await store.change(SYSTEM, addCircuit(`c${i}`))
  })()
  for (let i = 0; i < 60; i++) {
    const { epoch, value } = await reader.snapshot((tx) => tx.selectFrom('circuits').select('key').execute())
    expect(value.length).toBe(epoch)
  }
  await writing
})

test('listeners in other processes learn of the newest epoch', async () => {
  const { store, further } = await server.testStore({ epochPollMs: 600_000 })
  const seen: number[] = []
  further().onEpoch((epoch) => seen.push(epoch))
  await until(() => seen.includes(0))
  await store.change(SYSTEM, addCircuit('a'))
  await store.change(SYSTEM, addCircuit('b'))
  expect(await until(() => seen.at(-1) === 2)).toBe(true)
})

test('a listener that has lost its connection catches up', async () => {
  const { store, further } = await server.testStore({ epochPollMs: 600_000 })
  const seen: number[] = []
  further().onEpoch((epoch) => seen.push(epoch))
  await until(() => seen.includes(0))
  await killListener(store)
  await store.change(SYSTEM, addCircuit('a'))
  expect(await until(() => seen.at(-1) === 1)).toBe(true)
})

test('a lost notification is noticed by reading the epoch', async () => {
  const { store, further } = await server.testStore({ epochPollMs: 20 })
  const seen: number[] = []
  further().onEpoch((epoch) => seen.push(epoch))
  await until(() => seen.includes(0))
  // Without a notification.
  await store.write((tx) => tx.updateTable('relay').set({ epoch: 7 }).execute())
  expect(await until(() => seen.at(-1) === 7)).toBe(true)
})

test('the end of connections in the pool breaks nothing', async () => {
  const { store, further } = await server.testStore()
  const killer = further()
  await Promise.all(
    Array.from({ length: 5 }, () => store.read((db) => db.selectFrom('relay').select('epoch').execute())),
  )
  await killOthers(killer)
  const added = await store.change(SYSTEM, addCircuit('a'))
  expect(added.epoch).toBe(1)
})

test('a change whose connection ends in the middle is made once', async () => {
  const { store, further } = await server.testStore()
  const killer = further()
  let runs = 0
  const { epoch } = await store.change(SYSTEM, async (change) => {
    await addCircuit('a')(change)
    if (++runs === 1) await killOthers(killer)
    await change.tx.selectFrom('relay').select('epoch').execute()
  })
  expect({ epoch, runs }).toEqual({ epoch: 1, runs: 2 })
  const rows = await store.read((db) => db.selectFrom('circuits').select('key').execute())
  expect(rows).toEqual([{ key: 'a' }])
})

test('a statement that takes too long fails with BL_RELAY_DATABASE, and its connection is fine', async () => {
  const { store } = await server.testStore({ statementMs: 50, answerMs: 5_000, connections: 1 })
  const { sql } = await import('kysely')
  await expect(store.read((db) => sql`select pg_sleep(30)`.execute(db))).rejects.toMatchObject({
    code: 'BL_RELAY_DATABASE',
    retryable: true,
  })
  expect(await store.read((db) => db.selectFrom('relay').select('epoch').execute())).toEqual([{ epoch: 0 }])
})

test('a late answer reaches no other caller', async () => {
  const { store } = await server.testStore({ statementMs: 2_000, answerMs: 100, connections: 1, tries: 1 })
  const { sql } = await import('kysely')
  const late = store.read((db) => sql<{ text: string }>`select pg_sleep(1), 'late' as text`.execute(db))
  await expect(late).rejects.toMatchObject({ code: 'BL_RELAY_DATABASE' })
  const next = await store.read((db) => sql<{ text: string }>`select 'next' as text`.execute(db))
  expect(next.rows).toEqual([{ text: 'next' }])
})

/** Ends all other connections to the database of a store. */
async function killOthers(store: Store): Promise<void> {
  const { sql } = await import('kysely')
  await store.read((db) =>
    sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`.execute(db),
  )
}

async function killListener(store: Store): Promise<void> {
  const { sql } = await import('kysely')
  const { rows } = await store.read((db) =>
    sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and query = 'select epoch from relay'`.execute(db),
  )
  expect(rows.length).toBe(1)
}
