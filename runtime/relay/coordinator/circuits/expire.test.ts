import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../store/fixture.ts'
import type { Caller } from './caller.ts'
import type { CircuitContext } from './context.ts'
import { createCircuit } from './create.ts'
import { expireIdle } from './expire.ts'
import { addCaller, addWorker, subdomain, testContext } from './fixture.ts'
import { getCircuit, listCircuits } from './list.ts'
import { deleteCircuit } from './remove.ts'
import { reportClosed, reportUsage, touch } from './reports.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(() => server.closeStores())
afterAll(() => server.stop())

async function setup(): Promise<{ context: CircuitContext; caller: Caller }> {
  const { store } = await server.testStore()
  return { context: testContext(store), caller: await addCaller(store) }
}

test('an idle circuit expires after its ttl, and an open connection is a use', async () => {
  const { context, caller } = await setup()
  const { store } = context
  const idle = await createCircuit(context, caller, subdomain('idle', { ttl: '1m' }))
  const busy = await createCircuit(context, caller, subdomain('busy', { ttl: '1m' }))
  await createCircuit(context, caller, subdomain('kept'))
  const worker = await addWorker(store, 'w1')
  await touch(store, idle.id, 3, new Date(Date.now() - 5000))
  await reportUsage(store, worker, [{ circuit: busy.id, requests: 1, open: 1, lastAccessMs: Date.now() }])
  const heartbeat = (at: Date) =>
    store.write((tx) => tx.updateTable('workers').set({ last_heartbeat_at: at }).execute())
  const nowMs = Date.now() + 3_600_000
  await heartbeat(new Date(nowMs))
  expect(await getCircuit(context, caller, 'idle')).toMatchObject({ requests: 3 })
  expect(await expireIdle(context, { nowMs, countingSinceMs: nowMs - 1000, silentMs: 0 })).toEqual([])
  expect(await expireIdle(context, { nowMs, countingSinceMs: 0, silentMs: 0 })).toEqual(['idle'])
  await reportUsage(store, worker, [{ circuit: busy.id, requests: 0, open: 0 }])
  expect(await expireIdle(context, { nowMs, countingSinceMs: 0, silentMs: 0 })).toEqual(['busy'])
  expect((await listCircuits(context, caller, {})).items.map(({ key }) => key)).toEqual(['kept'])
})

test('the open connections of a worker that is cut off for longer than the ttl are a use, until it is known to have none', async () => {
  const { context, caller } = await setup()
  const { store } = context
  const circuit = await createCircuit(context, caller, subdomain('busy', { ttl: '1m' }))
  const worker = await addWorker(store, 'w1')
  await reportUsage(store, worker, [{ circuit: circuit.id, requests: 1, open: 2, lastAccessMs: Date.now() }])
  await store.write((tx) => tx.updateTable('workers').set({ state: 'lost' }).execute())
  const nowMs = Date.now() + 3_600_000
  const options = { nowMs, countingSinceMs: 0, silentMs: 86_400_000 }
  expect(await expireIdle(context, options)).toEqual([])
  expect(await expireIdle(context, { ...options, nowMs: nowMs + 86_400_000 })).toEqual(['busy'])
  const other = await createCircuit(context, caller, subdomain('other', { ttl: '1m' }))
  await reportUsage(store, worker, [{ circuit: other.id, requests: 0, open: 1 }])
  await reportClosed(store, [worker])
  expect(await expireIdle(context, options)).toEqual(['other'])
})

test('a drained circuit keeps its name until the limit', async () => {
  const { context, caller } = await setup()
  await createCircuit(context, caller, subdomain('a'))
  await deleteCircuit(context, caller, 'a', 60, undefined)
  expect(await getCircuit(context, caller, 'a')).toMatchObject({ state: 'draining', version: 2 })
  const nowMs = Date.now()
  expect(await expireIdle(context, { nowMs, countingSinceMs: 0, silentMs: 0 })).toEqual([])
  expect(await expireIdle(context, { nowMs: nowMs + 61_000, countingSinceMs: 0, silentMs: 0 })).toEqual(['a'])
})
