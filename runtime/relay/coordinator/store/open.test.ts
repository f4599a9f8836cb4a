import { rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import { temporaryFolder } from '../../../process/temporary.ts'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'
import { openConnection } from './connection.ts'
import { DEFAULT_STORE_LIMITS } from './limits.ts'
import { openStore, type OpenStore } from './open.ts'
import type { Store } from './store.ts'

afterEach(cleanUp)

const LIMITS = {
  ...DEFAULT_STORE_LIMITS,
  embedded: { ...DEFAULT_STORE_LIMITS.embedded, restart: { firstMs: 300, maxMs: 300 } },
  reconnect: { firstMs: 10, maxMs: 50 },
}

async function open(limits = LIMITS): Promise<OpenStore> {
  const folder = temporaryFolder('open')
  later(() => rmSync(folder, { recursive: true, force: true }))
  const templates = join(homedir(), '.cache', 'branchline')
  const opened = await openStore({ folder, durable: false, templates }, pino({ level: 'silent' }), limits)
  later(() => opened.close())
  return opened
}

const addGroup = (store: Store, name: string) =>
  store.change({ actor: 'system' }, ({ tx }) => tx.insertInto('worker_groups').values({ name }).execute())

test('when the database is lost, calls fail at once, and they work again when it returns', async () => {
  const { store, server } = await open()
  const states: string[] = []
  const epochs: number[] = []
  store.onState((state) => states.push(state))
  store.onEpoch((epoch) => epochs.push(epoch))
  await addGroup(store, 'a')
  expect(store.state).toBe('up')

  process.kill(server?.pid as number, 'SIGKILL')
  await until(() => store.state === 'down')
  const from = performance.now()
  for (const call of [addGroup(store, 'b'), store.snapshot(async () => 1), store.read(async () => 1)]) {
    await expect(call).rejects.toMatchObject({ code: 'BL_RELAY_DATABASE', retryable: true })
  }
  // No timeout was waited for.
  expect(performance.now() - from).toBeLessThan(DEFAULT_STORE_LIMITS.connectMs)

  await until(() => store.state === 'up')
  expect((await addGroup(store, 'b')).epoch).toBe(2)
  const names = await store.read((db) =>
    db.selectFrom('worker_groups').select('name').orderBy('name').execute(),
  )
  expect(names.map(({ name }) => name)).toEqual(['a', 'b', 'default'])
  expect(states).toEqual(['down', 'up'])
  await until(() => epochs.at(-1) === 2)
})

test('a closed store leaves nothing behind, and its folder can be opened again', async () => {
  const { store, server, close } = await open()
  store.onEpoch(() => undefined)
  await close()
  expect(server?.pid).toBeUndefined()
  await expect(store.read((db) => db.selectFrom('relay').selectAll().execute())).rejects.toThrow(
    'The store is closed',
  )
})

test('a server that accepts connections but does not answer is down', async () => {
  const { store, server } = await open({ ...LIMITS, connectMs: 300 })
  const pid = server?.pid as number
  const killer = await openConnection(store.address, LIMITS)
  await store.read((db) => db.selectFrom('relay').selectAll().execute())
  process.kill(pid, 'SIGSTOP')
  later(() => process.kill(pid, 'SIGCONT'))
  await killer.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name <> '' and pid <> pg_backend_pid()`)
  killer.close()
  await until(() => store.state === 'down')
  await expect(addGroup(store, 'a')).rejects.toMatchObject({ code: 'BL_RELAY_DATABASE' })
  process.kill(pid, 'SIGCONT')
  await until(() => store.state === 'up')
  expect((await addGroup(store, 'a')).epoch).toBe(1)
})

test('a wrong DATABASE_URL is an error that does not quote it', async () => {
  for (const url of ['postgres://user:top-secret@host:port/db', 'mysql://u:top-secret@host', 'top-secret']) {
    const error: unknown = await openStore({ url }, pino({ level: 'silent' })).catch(
      (reason: unknown) => reason,
    )
    expect(String(error)).toContain('wanted a URL such as postgres://')
    expect(inspect(error)).not.toContain('top-secret')
  }
})
