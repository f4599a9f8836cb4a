import { cleanUp } from '@branchline/runtime/testing/cleanups'
import { startTestApi, type TestApi } from '@branchline/runtime/relay/coordinator/api/fixture'
import { setPorts } from '@branchline/runtime/relay/coordinator/circuits/fixture'
import { type TestServer, testServer } from '@branchline/runtime/relay/coordinator/store/fixture'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { runCreate } from './create.ts'
import { parseCircuits } from './file.ts'
import { runGetCircuit, runList } from './list.ts'
import { runRemove } from './remove.ts'
import { runAddTargets, runListTargets, runRemoveTargets, runSetTarget } from './targets.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await cleanUp()
  await server.closeStores()
})
afterAll(() => server.stop())

async function start(): Promise<{ api: TestApi; options: { api: string; key: string }; said: () => string }> {
  const { store } = await server.testStore()
  await setPorts(store, 30_000, 30_009)
  const api = await startTestApi(store)
  const lines: string[] = []
  const take = (text: string | Uint8Array): boolean => lines.push(String(text)) > 0
  vi.spyOn(process.stdout, 'write').mockImplementation(take)
  vi.spyOn(process.stderr, 'write').mockImplementation(take)
  return { api, options: { api: api.url, key: api.key }, said: () => lines.splice(0).join('') }
}

const TARGET = { address: '127.0.0.1:8888', weight: 1 }

test('create makes a circuit, changes it, and leaves it as it is', async () => {
  const { api, options, said } = await start()
  const wanted = { ...options, label: 'jupyter-42', wait: 0 }
  const create = (more: object): Promise<void> =>
    // Without a worker it stays PENDING.
    expect(runCreate('s/jupyter', { ...wanted, ...more })).rejects.toThrow('PENDING')
  await create({ target: [TARGET], access: 'public', allow: ['10.0.0.0/8'] })
  expect(said()).toContain('created s/jupyter   http://jupyter-42.localhost:8080   PENDING')
  await create({ target: [TARGET], access: 'public', allow: ['10.0.0.0/8'] })
  expect(said()).toContain('unchanged s/jupyter')
  await create({ target: [TARGET], access: 'organization', balancing: 'weighted' })
  expect(said()).toContain('changed s/jupyter')
  const circuit = await api.client.getCircuit({ params: { key: 's/jupyter' } })
  // What access no longer names is gone.
  expect(circuit).toMatchObject({ balancing: 'weighted', access: { type: 'organization' } })
  expect(circuit.access.allow).toBeUndefined()
  await expect(runCreate('s/jupyter', { ...options, port: true })).rejects.toThrow('remove it first')
})

test('a file that get has printed creates the circuit again', async () => {
  const { options, said } = await start()
  await runCreate('db', { ...options, port: 30_005, access: 'public' })
  expect(said()).toContain('created db   port 30005')
  await runGetCircuit('db', { ...options, output: 'yaml' })
  const [again] = parseCircuits(said(), 'db.yaml')
  expect(again).toMatchObject({ key: 'db', frontend: { type: 'port', port: 30_005 }, backend: 'tcp' })
  await runRemove(['db'], options)
  await expect(runRemove(['db'], options)).rejects.toThrow('branchline circuit ls')
  await runRemove(['db'], { ...options, ignoreMissing: true })
})

test('targets are added, changed and removed one by one', async () => {
  const { options, said } = await start()
  await runCreate('web', { ...options, access: 'public' })
  await runAddTargets('web', [{ id: 'a', ...TARGET, weight: 2 }], options)
  expect(said()).toContain('set a   127.0.0.1:8888   weight 2')
  await runSetTarget('web', 'a', { ...options, weight: 5, drain: 'on' })
  expect(said()).toContain('weight 5   draining')
  await runListTargets('web', options)
  expect(said()).toMatch(/^a +127\.0\.0\.1:8888 +5 +DRAINING/m)
  await runRemoveTargets('web', ['a', 'gone'], options)
  await runListTargets('web', options)
  expect(said()).toContain('web has no targets')
  const refused = runAddTargets('web', [{ id: 'b', address: '10.0.0.1:80', weight: 1 }], options)
  await expect(refused).rejects.toThrow('--allow-targets')
})

test('ls filters, and says what is wrong below a circuit', async () => {
  const { options, said } = await start()
  await runCreate('web', { ...options, target: [TARGET], labels: { app: 'web' }, wait: 0 }).catch(
    () => undefined,
  )
  said()
  await runList({ ...options, selector: 'app=web' })
  const text = said()
  expect(text).toMatch(/^KEY +STATUS +TARGETS +ACCESS +URL/)
  expect(text).toMatch(/^web +PENDING +1\/1 +organization +http:\/\/web\.localhost:8080/m)
  expect(text.split('\n')[2]).toMatch(/^ {2}\S/)
  await runList({ ...options, selector: 'app=other' })
  expect(said()).toContain('no circuit matches')
})

test('a wrong key, no key and no relay each have a remedy', async () => {
  const { options } = await start()
  const { api } = options
  await expect(runList({ api, key: 'blk_wrong' })).rejects.toThrow('does not accept the API key blk_wron…')
  await expect(runList({ api: 'http://127.0.0.1:1', key: 'blk_x' })).rejects.toThrow(
    'Start one with branchline relay --state DIR',
  )
})
