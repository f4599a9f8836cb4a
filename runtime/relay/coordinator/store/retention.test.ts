import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { changedSince } from './changes.ts'
import { type TestServer, testServer } from './fixture.ts'
import { DEFAULT_RETENTION, deleteOld } from './retention.ts'
import type { Store } from './store.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(() => server.closeStores())
afterAll(() => server.stop())

const SYSTEM = { actor: 'system' }
const DAY_MS = 86_400_000
const ago = (ms: number): Date => new Date(Date.now() - ms)
const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

async function fill(store: Store): Promise<string> {
  const { value } = await store.change(SYSTEM, async ({ tx, audit }) => {
    const row = { key: 'a', frontend: 'subdomain', host_label: 'a', spec: '{}' } as const
    const { id } = await tx.insertInto('circuits').values(row).returning('id').executeTakeFirstOrThrow()
    const removed = { ...row, key: 'old', host_label: null, state: 'removed' } as const
    await tx
      .insertInto('circuits')
      .values([
        { ...removed, state_since: ago(2 * DAY_MS) },
        { ...removed, key: 'fresh' },
      ])
      .execute()
    const session = { circuit_id: id, holder: 'h' }
    await tx
      .insertInto('sessions')
      .values([
        { ...session, hash: hash('ended'), expires_at: ago(2 * DAY_MS) },
        { ...session, hash: hash('just ended'), expires_at: ago(1_000) },
        { ...session, hash: hash('revoked'), expires_at: ago(-DAY_MS), revoked_at: ago(2 * DAY_MS) },
        { ...session, hash: hash('open'), expires_at: ago(-DAY_MS) },
      ])
      .execute()
    const code = { circuit_id: id, host: 'a', holder: 'h' }
    await tx
      .insertInto('codes')
      .values([
        { ...code, hash: hash('used'), expires_at: ago(1_000) },
        { ...code, hash: hash('open'), expires_at: ago(-DAY_MS) },
      ])
      .execute()
    audit({ action: 'a', kind: 'circuit', id })
    return id
  })
  return value
}

test('what has ended is deleted after its time, and followers see it', async () => {
  const { store } = await server.testStore()
  await fill(store)
  expect(await deleteOld(store)).toBe(4)
  const { epoch, value } = await store.snapshot(async (tx) => ({
    circuits: await tx.selectFrom('circuits').select('key').orderBy('key').execute(),
    sessions: await tx.selectFrom('sessions').select('hash').execute(),
    codes: await tx.selectFrom('codes').select('hash').execute(),
    changed: await changedSince(tx, 1, ['session']),
  }))
  expect(epoch).toBe(2)
  expect(value.circuits).toEqual([{ key: 'a' }, { key: 'fresh' }])
  expect(value.sessions.map((row) => row.hash).toSorted()).toEqual(
    [hash('just ended'), hash('open')].toSorted(),
  )
  expect(value.codes).toEqual([{ hash: hash('open') }])
  expect(value.changed?.map(({ id }) => id).toSorted()).toEqual([hash('ended'), hash('revoked')].toSorted())
  // Nothing more to do: no new epoch.
  expect(await deleteOld(store)).toBe(0)
  expect((await store.snapshot(async () => 0)).epoch).toBe(2)
})

test('the audit log is shortened in steps', async () => {
  const { store } = await server.testStore()
  await store.write((tx) =>
    sql`insert into audit (at, epoch, actor, action, object_kind, object_id)
        select now() - interval '91 days', 1, 'a', 'a', 'k', n::text from generate_series(1, 25) n`.execute(
      tx,
    ),
  )
  const retention = { ...DEFAULT_RETENTION, rows: 10 }
  const steps = [
    await deleteOld(store, retention),
    await deleteOld(store, retention),
    await deleteOld(store, retention),
  ]
  expect(steps).toEqual([10, 10, 5])
})

test('a follower that is too far behind reads everything', async () => {
  const { store } = await server.testStore()
  const id = await fill(store)
  const touch = () =>
    store.change(SYSTEM, ({ tx }) =>
      tx.updateTable('circuits').set({ version: 2 }).where('id', '=', id).execute(),
    )
  for (let i = 0; i < 5; i++) await touch()
  await deleteOld(store, { ...DEFAULT_RETENTION, changes: 3, endedMs: 10 * DAY_MS })
  const since = (epoch: number) => store.snapshot((tx) => changedSince(tx, epoch, ['circuit', 'worker']))
  expect((await since(1)).value).toBeUndefined()
  expect((await since(5)).value).toEqual([{ kind: 'circuit', id }])
  expect((await since(6)).value).toEqual([])
})
