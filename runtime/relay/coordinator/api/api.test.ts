import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { refusal } from '@branchline/wire/circuits/problem'
import { watchEvents } from '@branchline/wire/circuits/watch'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { createOwnerKey } from '../access/keys.ts'
import { addWorker } from '../circuits/fixture.ts'
import { reportStatus } from '../circuits/reports.ts'
import { type TestServer, testServer } from '../store/fixture.ts'
import { EventStreams } from './events.ts'
import { startTestApi, type TestApi } from './fixture.ts'
import { DEFAULT_API_LIMITS } from './limits.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(async () => {
  await cleanUp()
  await server.closeStores()
})
afterAll(() => server.stop())

const start = async (limits: Parameters<typeof startTestApi>[1] = {}): Promise<TestApi> =>
  startTestApi((await server.testStore()).store, limits)

const CIRCUIT = { key: 's/jupyter', frontend: { type: 'subdomain', label: 'jupyter-42' } } as const
const json = { 'content-type': 'application/json' }
const post = (body: unknown, headers: Record<string, string> = {}) => ({
  method: 'POST',
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers: { ...json, ...headers },
})

test('a circuit is created, found, changed with If-Match, and removed', async () => {
  const { client, send } = await start()
  const made = await client.createCircuit({ body: CIRCUIT })
  expect(made).toMatchObject({ url: 'http://jupyter-42.localhost:8080', status: 'PENDING', version: 1 })
  const params = { key: CIRCUIT.key }
  const response = await send('/api/v1/circuits/s%2Fjupyter')
  expect(response.headers.get('etag')).toBe('"1"')
  expect(await client.patchCircuit({ params, body: { balancing: 'weighted' }, ifMatch: 1 })).toMatchObject({
    balancing: 'weighted',
    version: 2,
  })
  const stale = client.patchCircuit({ params, body: { balancing: 'round-robin' }, ifMatch: 1 })
  await expect(stale).rejects.toMatchObject({ status: 412 })
  const target = await client.putTarget({
    params: { ...params, target: 'a' },
    body: { address: '127.0.0.1:1' },
  })
  expect(target).toMatchObject({ id: 'a', weight: 1 })
  expect(await client.patchTarget({ params: { ...params, target: 'a' }, body: { weight: 5 } })).toMatchObject(
    { weight: 5 },
  )
  expect((await client.listCircuits()).items.map(({ key }) => key)).toEqual([CIRCUIT.key])
  expect(await client.getStatistics()).toMatchObject({ circuits: { total: 1 } })
  await client.deleteCircuit({ params })
  await expect(client.getCircuit({ params })).rejects.toMatchObject({ status: 404 })
})

test('a body with faults is a 422 with a pointer for each of them', async () => {
  const { send } = await start()
  const body = {
    ...CIRCUIT,
    targets: [{ address: '10.0.0.7' }],
    access: { type: 'public', allow: ['10.0.0.0/33'] },
  }
  const response = await send('/api/v1/circuits', post(body))
  expect(response.status).toBe(422)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const { type, errors } = (await response.json()) as { type: string; errors: { pointer: string }[] }
  expect(type).toBe('https://branchline.dev/problems/invalid-fields')
  expect(errors.map(({ pointer }) => pointer)).toEqual(['/targets/0/address', '/access/allow/0'])
})

test.each([
  ['not JSON', post('{'), 400],
  ['not UTF-8', { ...post(''), body: new Uint8Array([0x22, 0xff, 0x22]) }, 400],
  ['another media type', post('{}', { 'content-type': 'text/plain' }), 415],
  ['too large', post(JSON.stringify({ key: 'x'.repeat(2000) })), 413],
  ['a NUL', post({ ...CIRCUIT, labels: { a: '\0' } }), 422],
])('a body that is %s is refused', async (_what, init, status) => {
  const { send } = await start({ bodyBytes: 1000 })
  expect((await send('/api/v1/circuits', init)).status).toBe(status)
})

test.each([
  ['/api/v1/circuits?limit=0', 400],
  ['/api/v1/circuits?limit=x', 400],
  ['/api/v1/circuits?limit=1&limit=2', 400],
  ['/api/v1/circuits?unknown=1', 400],
  ['/api/v1/circuits?text=%00', 400],
  ['/api/v1/circuits?cursor=%2F', 400],
  ['/api/v1/circuits/%2Fx', 400],
  ['/api/v1/keys/x', 405],
  ['/api/v1/none', 404],
  ['/', 404],
])('GET %s is a %d', async (path, status) => {
  const { send } = await start()
  const response = await send(path)
  expect([response.status, response.headers.get('content-type')]).toEqual([
    status,
    'application/problem+json',
  ])
})

test('an API client never gets HTML, and a browser gets a page', async () => {
  const { url } = await start()
  for (const accept of ['*/*', 'application/json', 'application/json, text/html;q=0.9', undefined]) {
    const response = await fetch(`${url}/api/v1/circuits`, {
      headers: accept === undefined ? {} : { accept },
    })
    expect([response.status, response.headers.get('content-type')]).toEqual([401, 'application/problem+json'])
  }
  const page = await fetch(`${url}/api/v1/circuits`, { headers: { accept: 'text/html,*/*;q=0.8' } })
  expect([page.status, page.headers.get('content-type')]).toEqual([401, 'text/html; charset=utf-8'])
  expect(page.headers.get('www-authenticate')).toMatch(/^Bearer/)
  expect(await page.text()).toContain('The request has no valid credential')
})

test('errors carry CORS headers if the request had an Origin, and preflights pass without credentials', async () => {
  const { url } = await start()
  const headers = { origin: 'https://dashboard.example.com' }
  const refused = await fetch(`${url}/api/v1/circuits`, { headers })
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, '*'])
  const unknown = await fetch(`${url}/nothing`, { headers })
  expect([unknown.status, unknown.headers.get('access-control-allow-origin')]).toEqual([404, '*'])
  const preflight = await fetch(`${url}/api/v1/circuits`, { method: 'OPTIONS', headers })
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-headers')).toMatch(/authorization/i)
  expect((await fetch(`${url}/nothing`)).headers.get('access-control-allow-origin')).toBeNull()
})

test('a repeated request with its idempotency key gets the stored answer', async () => {
  const { send } = await start()
  const init = post(CIRCUIT, { 'idempotency-key': 'k-1' })
  const first = await send('/api/v1/circuits', init)
  const again = await send('/api/v1/circuits', init)
  expect([first.status, again.status]).toEqual([201, 201])
  expect(again.headers.get('idempotent-replayed')).toBe('true')
  expect(again.headers.get('etag')).toBe('"1"')
  expect(await again.json()).toEqual(await first.json())
  const other = await send('/api/v1/circuits', post({ ...CIRCUIT, key: 'b' }, { 'idempotency-key': 'k-1' }))
  expect(await other.json()).toMatchObject({ status: 422, type: refusal('idempotency-key-reused').type })
  const refusedInit = post(CIRCUIT, { 'idempotency-key': 'k-2' })
  for (let i = 0; i < 2; i++) {
    const refused = await send('/api/v1/circuits', refusedInit)
    expect([refused.status, refused.headers.get('content-type')]).toEqual([409, 'application/problem+json'])
  }
})

test('concurrent requests with one idempotency key make one circuit', async () => {
  const { send, client } = await start()
  const init = post({ key: 'a', frontend: { type: 'subdomain' } }, { 'idempotency-key': 'k-1' })
  const answers = await Promise.all(Array.from({ length: 8 }, () => send('/api/v1/circuits', init)))
  const statuses = answers.map(({ status }) => status)
  expect(statuses).toContain(201)
  expect(statuses.filter((status) => status !== 201 && status !== 409)).toEqual([])
  expect((await client.listCircuits()).items.length).toBe(1)
})

test('no secret is stored for a repeated request', async () => {
  const { send, store } = await start()
  const body = { name: 'ci', scopes: ['circuits:read'] }
  const response = await send('/api/v1/keys', post(body, { 'idempotency-key': 'k-1' }))
  const { secret } = (await response.json()) as { secret: string }
  expect(secret).toMatch(/^blk_[A-Za-z0-9_-]{43}$/)
  const rows = await store.read(async (db) => [
    await db.selectFrom('idempotency').selectAll().execute(),
    await db.selectFrom('audit').selectAll().execute(),
    await db.selectFrom('api_keys').selectAll().execute(),
  ])
  expect(JSON.stringify(rows)).not.toContain(secret)
})

test('a key is revoked at once, expires, and the last admin key stays', async () => {
  const { client, clientWith, store } = await start()
  const other = await clientWith(['circuits:read'])
  const { id } = await other.getSelf()
  await client.revokeKey({ params: { id } })
  await expect(other.getSelf()).rejects.toMatchObject({ status: 401 })
  const expiring = await clientWith(['circuits:read'])
  await store.write((tx) =>
    tx
      .updateTable('api_keys')
      .set({ expires_at: new Date(0) })
      .where('name', '=', 'test')
      .execute(),
  )
  await expect(expiring.getSelf()).rejects.toMatchObject({ status: 401 })
  const own = await client.getSelf()
  await expect(client.revokeKey({ params: { id: own.id } })).rejects.toMatchObject({ status: 409 })
  const { secret } = await client.rotateKey({ params: { id: own.id } })
  await expect(client.getSelf()).rejects.toMatchObject({ status: 401 })
  expect(secret).toMatch(/^blk_/)
})

test('the owner’s key is made once, also by two coordinators that start at once', async () => {
  const { store, further } = await server.testStore()
  const made = await Promise.all([createOwnerKey(store), createOwnerKey(further())])
  expect(made.filter((key) => key !== undefined).length).toBe(1)
  expect(await createOwnerKey(store)).toBeUndefined()
})

test('an address that sends many wrong keys has to wait, and valid keys are not held back', async () => {
  const { url, client } = await start({ failures: 3 })
  await client.getSelf()
  const wrong = () => fetch(`${url}/api/v1/self`, { headers: { authorization: 'Bearer blk_wrong' } })
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push((await wrong()).status)
  expect(statuses).toEqual([401, 401, 401, 429])
  expect(Number((await wrong()).headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await client.getSelf()).toMatchObject({ name: 'owner' })
})

test('wrong join tokens are limited as well', async () => {
  const { url } = await start({ failures: 2 })
  const join = async () =>
    (await fetch(`${url}/api/v1/workers`, post({}, { authorization: 'Bearer blj_wrong' }))).status
  expect([await join(), await join(), await join()]).toEqual([401, 401, 429])
})

test('a stream of events ends when its key is revoked', async () => {
  const { url, client, clientWith } = await start()
  const { secret, ...watcher } = await clientWith(['audit:read'])
  const { id } = await watcher.getSelf()
  const response = await fetch(`${url}/api/v1/events`, { headers: { authorization: `Bearer ${secret}` } })
  const reader = response.body?.getReader()
  expect(Buffer.from((await reader?.read())?.value ?? '').toString()).toBe('retry: 2000\n\n')
  await client.revokeKey({ params: { id } })
  await client.createCircuit({ body: CIRCUIT })
  expect(await reader?.read()).toMatchObject({ done: true })
})

test('streams that are opened at once are limited', async () => {
  const { store } = await server.testStore()
  const streams = new EventStreams(store, { ...DEFAULT_API_LIMITS, streams: 2 })
  later(() => streams.close())
  const open = () => streams.open(undefined, new AbortController().signal, () => Promise.resolve(true))
  const results = await Promise.allSettled(Array.from({ length: 6 }, open))
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  for (const result of results) if (result.status === 'fulfilled') await result.value.body?.cancel()
})

test('events follow changes, and a stream continues after an id', async () => {
  const { url, key, client } = await start()
  await client.createCircuit({ body: CIRCUIT })
  const stop = new AbortController()
  const events = watchEvents({ url, key, after: 0, signal: stop.signal })
  const actions: string[] = []
  for await (const event of events) {
    actions.push(event.action)
    if (event.action === 'circuit.create') await client.deleteCircuit({ params: { key: CIRCUIT.key } })
    if (event.action === 'circuit.delete') break
  }
  stop.abort()
  expect(actions).toEqual(['key.create', 'circuit.create', 'circuit.delete'])
  const page = await client.listAudit({ query: { limit: 1 } })
  expect(page.items).toMatchObject([{ action: 'circuit.delete', object: CIRCUIT.key }])
  const next = await client.listAudit({ query: { limit: 1, cursor: page.next ?? '' } })
  expect(next.items).toMatchObject([{ action: 'circuit.create' }])
})

test('events also carry changes of statuses, without an id of their own', async () => {
  const { store } = await server.testStore()
  const { url, key, client } = await startTestApi(store, { statusEveryMs: 5 })
  const { id } = await client.createCircuit({ body: CIRCUIT })
  const worker = await addWorker(store, 'w1')
  const stop = new AbortController()
  let served = false
  for await (const event of watchEvents({ url, key, after: 0, signal: stop.signal })) {
    if (event.action === 'circuit.create' && !served) {
      served = true
      await reportStatus(store, worker, [{ circuit: id, version: 1 }])
    }
    if (event.action !== 'circuit.status') continue
    expect(event).toMatchObject({
      id: 2,
      object: CIRCUIT.key,
      status: 'UNHEALTHY',
      statusReason: 'The circuit has no target.',
    })
    break
  }
  stop.abort()
})

test('when the database is lost, changes get 503 with Retry-After and readiness says no', async () => {
  const { store } = await server.testStore()
  const { url, send } = await startTestApi(store)
  expect((await fetch(`${url}/health/ready`)).status).toBe(200)
  await server.server.stop()
  try {
    const response = await send('/api/v1/circuits', post(CIRCUIT))
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    expect((await fetch(`${url}/health/ready`)).status).toBe(503)
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
  } finally {
    await server.stop()
    server = await testServer()
  }
})

test('a circuit whose port is outside a changed range says so, and what to do', async () => {
  const { client } = await start()
  const putPorts = (from: number, to: number) =>
    client.putGroup({ params: { group: 'default' }, body: { ports: { from, to } } })
  const statusReason = async () => (await client.getCircuit({ params: { key: 'ssh' } })).statusReason ?? ''
  await putPorts(30_000, 30_000)
  await client.createCircuit({
    body: { key: 'ssh', frontend: { type: 'port' }, backend: 'tcp', access: { type: 'public' }, targets: [] },
  })
  expect(await statusReason()).not.toContain('range')
  await putPorts(31_000, 31_009)
  expect(await statusReason()).toMatch(
    /The port 30000 is out of range: the group default now has the ports 31000 to 31009\. Delete the circuit/,
  )
  await client.putGroup({ params: { group: 'default' }, body: {} })
  expect(await statusReason()).toContain('has no ports any more')
  await putPorts(30_000, 31_009)
  expect(await statusReason()).not.toContain('range')
})

test('groups, free ports, join tokens, workers and discovery', async () => {
  const { client, url } = await start()
  await client.putGroup({ params: { group: 'gpu' }, body: { ports: { from: 30_000, to: 30_002 } } })
  expect(await client.getFreePorts({ params: { group: 'gpu' } })).toMatchObject({
    free: 3,
    next: [30_000, 30_001, 30_002],
  })
  const { secret } = await client.createJoinToken({ body: { name: 'w', group: 'gpu' } })
  const { createClient } = await import('@branchline/wire/circuits/client')
  const facts = {
    name: 'w1',
    group: 'gpu',
    version: '1',
    labels: {},
    backends: ['http' as const],
    addresses: {},
    maxCircuits: 100,
  }
  const joining = createClient({ url, key: secret })
  const { id, credential } = await joining.registerWorker({ body: facts })
  expect(credential).toMatch(/^blw_/)
  await expect(client.registerWorker({ body: facts })).rejects.toMatchObject({ status: 401 })
  const wrong = createClient({ url, key: 'blj_wrong' })
  await expect(wrong.registerWorker({ body: facts })).rejects.toMatchObject({ status: 401 })
  expect(await client.getWorker({ params: { worker: 'w1' } })).toMatchObject({
    id,
    group: 'gpu',
    backends: ['http'],
  })
  expect(await client.drainWorker({ params: { worker: id } })).toMatchObject({ name: 'w1' })
  await expect(client.deleteGroup({ params: { group: 'gpu' } })).rejects.toMatchObject({ status: 409 })
  await client.deleteWorker({ params: { worker: 'w1' } })
  expect((await client.listWorkers()).items).toEqual([])
  expect((await client.listJoinTokens()).items).toMatchObject([{ name: 'w', group: 'gpu' }])
  await client.deleteGroup({ params: { group: 'gpu' } })
  await expect(client.deleteGroup({ params: { group: 'default' } })).rejects.toMatchObject({ status: 409 })
  expect(await client.discover()).toMatchObject([{ targets: ['127.0.0.1:9090'] }])
  expect(await client.getHealth()).toEqual({
    status: 'ok',
    dependencies: [{ name: 'database', status: 'ok' }],
  })
})
