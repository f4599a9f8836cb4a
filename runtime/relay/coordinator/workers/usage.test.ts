import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createLogger } from '../../../process/log.ts'
import { addCaller, addWorker, subdomain, testContext } from '../circuits/fixture.ts'
import { createCircuit } from '../circuits/create.ts'
import { type TestServer, testServer } from '../store/fixture.ts'
import type { Store } from '../store/store.ts'
import { Usage } from './usage.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(() => server.closeStores())
afterAll(() => server.stop())

/** By circuit: the open connections that are stored. */
const openOf = (store: Store) =>
  store.read((db) => db.selectFrom('reports').select(['worker_id', 'open']).orderBy('open').execute())

const usageOf = (store: Store): Usage =>
  new Usage({ store, logger: createLogger('relay', 'silent'), everyMs: 3_600_000 })

test('a worker that is cut off keeps its open connections, and one that stops or starts again does not', async () => {
  const { store } = await server.testStore()
  const circuit = await createCircuit(testContext(store), await addCaller(store), subdomain('busy'))
  const [one, two] = [await addWorker(store, 'one'), await addWorker(store, 'two')]
  let usage = usageOf(store)
  usage.add(one, [{ id: circuit.id, requests: 1, open: 1 }])
  usage.add(two, [{ id: circuit.id, requests: 1, open: 2 }])
  // Both are cut off, and another coordinator leads.
  usage.forget(one)
  usage.forget(two)
  await usage.stop()
  expect(await openOf(store)).toEqual([
    { worker_id: one, open: 1 },
    { worker_id: two, open: 2 },
  ])
  usage = usageOf(store)
  usage.closed(two)
  await usage.stop()
  expect(await openOf(store)).toEqual([
    { worker_id: two, open: 0 },
    { worker_id: one, open: 1 },
  ])
  // What it reports after its start counts, what it has reported before does not.
  usage = usageOf(store)
  usage.add(one, [{ id: circuit.id, requests: 1, open: 5 }])
  usage.closed(one)
  usage.closed(two)
  usage.add(two, [{ id: circuit.id, requests: 1, open: 3 }])
  await usage.stop()
  expect(await openOf(store)).toEqual([
    { worker_id: one, open: 0 },
    { worker_id: two, open: 3 },
  ])
})
