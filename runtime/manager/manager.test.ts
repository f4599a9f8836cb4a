import { once } from 'node:events'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { LocalApi } from './fixture/local-api.ts'
import { environment, namespace, preview, running, slice } from './fixture/objects.ts'
import { TestSidecar } from './fixture/sidecar.ts'
import { type RunningManager, startManager } from './manager.ts'
import { LocalSource } from './sources/local.ts'
import { until } from '../testing/until.ts'

const logger = pino({ level: 'silent' })
let api: LocalApi
let manager: RunningManager
const sidecars: TestSidecar[] = []

beforeEach(async () => {
  api = new LocalApi()
  await api.listen()
  const config = readConfig({
    BRANCHLINE_SOURCE: 'local',
    BRANCHLINE_LOCAL_API: api.socketPath,
    POD_IP: '127.0.0.1',
    BRANCHLINE_ROUTES_PORT: '0',
    BRANCHLINE_ADMIN_PORT: '0',
  })
  const source = new LocalSource({ socketPath: api.socketPath, logger, backoff: { firstMs: 5, maxMs: 20 } })
  manager = await startManager(config, source, logger)
  api.tokens.set('base-api', { namespace: 'base', pod: 'api-0' })
  api.tokens.set('alice-api', { namespace: 'alice', pod: 'api-0' })
})

afterEach(async () => {
  for (const sidecar of sidecars.splice(0)) sidecar.socket.terminate()
  await manager.stop()
  await api.close()
})

async function connect(token: string): Promise<TestSidecar> {
  const sidecar = await TestSidecar.connect(manager.routesPort, token)
  sidecars.push(sidecar)
  return sidecar
}

const shop = [
  environment('base'),
  environment('alice', { base: 'base' }),
  ...running('base', 'api', '10.0.0.1'),
]
const override = running('alice', 'api', '10.0.0.2')
const routes = (sidecar: TestSidecar) => sidecar.table?.listeners[25001]?.routes ?? {}

test('a sidecar gets its table, then the changes, and the status counts every acknowledgement', async () => {
  api.put(...shop)
  const base = await connect('base-api')
  await until(() => base.table, 'a snapshot')
  expect(base.table?.listeners).toEqual({
    25001: { service: 'api', routes: {}, own: [], onUnavailable: 'baseline' },
  })

  api.put(...override)
  await until(() => Object.keys(routes(base)).length === 1, 'the override')
  expect(routes(base)).toEqual({
    alice: { environment: 'alice', endpoints: ['10.0.0.2:25001'], onUnavailable: 'baseline' },
  })
  expect(base.messages.map(({ type }) => type)).toEqual([
    'snapshot',
    ...base.messages.slice(1).map(() => 'delta'),
  ])

  api.remove(...override)
  await until(() => Object.keys(routes(base)).length === 0, 'the fallback')
  expect(base.table?.callers).toEqual({})
  const status = await until(
    () =>
      api.statuses.findLast((it) => it.name === 'base' && JSON.stringify(it).includes('"acknowledged":1')),
    'the status',
  )
  expect(status.status).toMatchObject({
    observedGeneration: 1,
    key: 'base',
    sidecars: { acknowledged: 1, total: 1 },
    conditions: [{ type: 'Ready', status: 'True', reason: 'Routed' }],
  })
})

const endings = {
  'its namespace is being deleted': [namespace('alice', 'Terminating')],
  'it is being deleted itself': [
    environment('alice', { base: 'base' }, { deletionTimestamp: '2026-11-21T11:00:00Z' }),
  ],
}
test.each(Object.entries(endings))(
  'an environment is gone once %s: no route, no caller, no URL, and a condition on what is based on it',
  async (_, ending) => {
    api.put(...shop, ...override, preview('alice', 'api'), environment('ui', { base: 'alice' }))
    const base = await connect('base-api')
    await until(() => Object.keys(routes(base)).length === 2, 'the override, also of the environment below')
    expect(manager.view.previews().map(({ label }) => label)).toEqual(['api--alice'])
    api.put(...ending)
    await until(() => Object.keys(routes(base)).length === 0, 'the baseline')
    expect(base.table?.callers).toEqual({})
    expect(manager.view.previews()).toEqual([])
    expect(manager.view.resolve({ environment: 'alice', service: 'api', port: 80 })).toBeUndefined()
    const statusOf = (name: string, reason: string) =>
      api.statuses.some((it) => it.name === name && JSON.stringify(it).includes(`"reason":"${reason}"`))
    await until(() => statusOf('alice', 'Terminating'), 'its own condition')
    await until(() => statusOf('ui', 'BaseTerminating'), 'the condition of the environment below')
  },
)

test('a sidecar receives only its own pod’s table, and nothing when others change', async () => {
  api.put(...shop, ...override)
  const alice = await connect('alice-api')
  await until(() => alice.table, 'a snapshot')
  expect(alice.table?.environment).toBe('alice')
  const base = await connect('base-api')
  await until(() => base.table, 'a snapshot')
  const before = alice.messages.length
  api.put(environment('bob', { base: 'base' }), ...running('bob', 'api', '10.0.0.3'))
  await until(() => 'bob' in routes(base), 'the change at the base')
  expect(alice.messages.length).toBe(before)
})

test('a sidecar that connects before its pod is known waits for its table', async () => {
  const base = await connect('base-api')
  expect(base.messages).toEqual([])
  api.put(...shop)
  await until(() => base.table?.listeners[25001], 'a table')
})

test('the newest connection of a pod wins, with a snapshot', async () => {
  api.put(...shop)
  const one = await connect('base-api')
  await until(() => one.table, 'a snapshot')
  const two = await connect('base-api')
  await until(() => two.table, 'a snapshot')
  await until(() => one.closeCode, 'the end of the old connection')
  expect(one.closeCode).toBe(4002)
  api.put(...override)
  await until(() => 'alice' in routes(two), 'the change')
})

test('after a lost connection to the cluster, missed changes are found, and nothing is sent meanwhile', async () => {
  api.put(...shop, ...override)
  const base = await connect('base-api')
  await until(() => 'alice' in routes(base), 'the override')
  await api.pause()
  const before = base.messages.length
  api.remove(...override)
  api.put(environment('bob', { base: 'base' }), ...running('bob', 'api', '10.0.0.3'))
  await api.resume()
  await until(() => 'bob' in routes(base), 'the missed change')
  expect(Object.keys(routes(base))).toEqual(['bob'])
  expect(base.messages.length).toBeGreaterThan(before)
})

test('previews are planned, reported once per change and resolved, and the status shows their registration', async () => {
  const view = manager.view
  const reported: unknown[] = []
  const unsubscribe = view.onPreviews((previews) => reported.push(previews.map(({ label }) => label)))
  api.put(...shop, preview('alice', 'api'))
  await until(() => view.previews().length === 1, 'the preview')
  expect(view.resolve({ environment: 'alice', service: 'api', port: 80 })).toEqual({
    environment: 'base',
    endpoints: ['10.0.0.1:25001'],
  })
  api.put(...override)
  await until(
    () => view.resolve({ environment: 'alice', service: 'api', port: 80 })?.environment === 'alice',
    'alice',
  )
  view.report('api--alice', {
    state: 'registered',
    host: 'api--alice.localhost',
    url: 'http://api--alice.localhost:8080',
  })
  const written = await until(
    () => api.statuses.findLast((it) => it.kind === 'Preview' && 'url' in it.status),
    'the status',
  )
  expect(written.status).toMatchObject({
    host: 'api--alice.localhost',
    url: 'http://api--alice.localhost:8080',
    conditions: [{ type: 'Ready', status: 'True' }],
  })
  view.report('api--alice', { state: 'refused', message: 'taken by cluster two' })
  await until(
    () => api.statuses.findLast((it) => JSON.stringify(it.status).includes('taken by cluster two')),
    'the refusal',
  )
  expect(reported.at(-1)).toEqual(['api--alice'])
  expect(reported.filter((it) => JSON.stringify(it) === '["api--alice"]')).toHaveLength(1)
  unsubscribe()
})

test('a failed status write is tried again, and routes do not wait for it', async () => {
  api.statusAnswers = [500, 503]
  api.put(...shop)
  const base = await connect('base-api')
  await until(() => base.table, 'a snapshot')
  const written = await until(() => api.statuses.find((it) => it.name === 'base'), 'the status')
  expect(written.status).toMatchObject({ key: 'base' })
})

test('the manager’s own status, received as an event, causes no change', async () => {
  api.put(...shop)
  const base = await connect('base-api')
  await until(() => api.statuses.some((it) => JSON.stringify(it).includes('"acknowledged":1')), 'the status')
  const epoch = base.table?.epoch as number
  api.put(...override.slice(2), ...override.slice(0, 2))
  await until(() => 'alice' in routes(base), 'the change')
  expect(base.table?.epoch).toBe(epoch + 1)
})

test('an invalid object affects nothing else', async () => {
  api.put(...shop, { ...slice('alice', 'api', []), endpoints: [{ addresses: 'none' }] })
  api.put(environment('carol', { base: 'base', bse: 1 }))
  api.tellRaw('{"type":"ADDED"}\nno json\n\n')
  api.put(...override)
  const base = await connect('base-api')
  await until(() => 'alice' in routes(base), 'the override')
  const carol = await until(() => api.statuses.find((it) => it.name === 'carol'), 'a condition')
  expect(carol.status).toMatchObject({
    conditions: [
      { type: 'Ready', status: 'False', reason: 'Invalid' },
      { type: 'Stalled', status: 'True', reason: 'Invalid' },
    ],
  })
})

test('it is ready once it has listed all objects, and it serves metrics and a dump', async () => {
  const url = `http://127.0.0.1:${manager.adminPort}`
  api.put(...shop)
  await until(() => manager.notReady() === undefined, 'ready')
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  const base = await connect('base-api')
  await until(() => base.table, 'a snapshot')
  const metrics = await (await fetch(`${url}/metrics`)).text()
  expect(metrics).toMatch(/branchline_manager_sidecars_connected 1/)
  expect(metrics).toMatch(/branchline_manager_objects\{kind="Environment"\} 2/)
  expect(await (await fetch(`${url}/routes`)).json()).toMatchObject({
    sidecars: { 'base/api-0': { table: { environment: 'base' } } },
  })
})

test('a replica that does not lead refuses sidecars, and leads immediately when elected', async () => {
  api.put(...shop)
  const base = await connect('base-api')
  await until(() => base.table, 'a snapshot')
  manager.leadership.follow()
  await until(() => base.closeCode === 1001, 'the end')
  const refused = new TestSidecar(manager.routesPort, 'base-api')
  sidecars.push(refused)
  const [, response] = (await once(refused.socket, 'unexpected-response')) as [
    unknown,
    { statusCode: number },
  ]
  expect(response.statusCode).toBe(503)
  manager.leadership.lead()
  const again = await connect('base-api')
  await until(() => again.table, 'a snapshot')
})
