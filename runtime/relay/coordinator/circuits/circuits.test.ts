import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { ProblemError } from '@branchline/wire/circuits/problem'
import { type TestServer, testServer } from '../store/fixture.ts'
import { changeCircuits } from './bulk.ts'
import type { Caller } from './caller.ts'
import { patchCircuit } from './change.ts'
import type { CircuitContext } from './context.ts'
import { createCircuit } from './create.ts'
import { addCaller, addWorker, port, refused, setPorts, subdomain, testContext } from './fixture.ts'
import { countCircuits, getCircuit, listCircuits } from './list.ts'
import { deleteCircuit } from './remove.ts'
import { forgetReports, refreshGroup, reportStatus } from './reports.ts'

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

test('a circuit has its defaults, and is PENDING until a worker acknowledges it', async () => {
  const { context, caller } = await setup()
  const made = await createCircuit(
    context,
    caller,
    subdomain('s/jupyter', { frontend: { type: 'subdomain', label: 'Jupyter-42' } }),
  )
  expect(made).toMatchObject({
    key: 's/jupyter',
    url: 'http://jupyter-42.localhost:8080',
    status: 'PENDING',
    balancing: 'round-robin',
    access: { type: 'organization' },
    version: 1,
    targets: [{ id: 'a', address: '127.0.0.1:8888', weight: 1, status: 'UNKNOWN' }],
  })
  const worker = await addWorker(context.store, 'w1')
  await reportStatus(context.store, worker, [{ circuit: made.id, version: 1 }])
  expect(await getCircuit(context, caller, made.key)).toMatchObject({ status: 'HEALTHY', workers: ['w1'] })
})

test('health of targets changes the status, and a lost worker does not delete the circuit', async () => {
  const { context, caller } = await setup()
  const { store } = context
  const { id, key } = await createCircuit(context, caller, subdomain('a'))
  const worker = await addWorker(store, 'w1')
  const sinceMs = 1_000_000
  await reportStatus(store, worker, [
    {
      circuit: id,
      version: 1,
      targets: { a: { status: 'UNHEALTHY', reason: 'connection refused', sinceMs } },
    },
    { circuit: '00000000-0000-4000-8000-000000000000', version: 1 },
  ])
  expect(await getCircuit(context, caller, key)).toMatchObject({
    status: 'UNHEALTHY',
    statusReason: 'No target is healthy. a: connection refused',
    targets: [{ status: 'UNHEALTHY', statusSince: new Date(sinceMs).toISOString() }],
  })
  await reportStatus(store, worker, [{ circuit: id, targets: { a: { status: 'HEALTHY' } } }])
  expect(await getCircuit(context, caller, key)).toMatchObject({ status: 'HEALTHY' })
  await store.write((tx) => tx.updateTable('workers').set({ state: 'lost' }).execute())
  await refreshGroup(store, 'default')
  expect(await getCircuit(context, caller, key)).toMatchObject({ status: 'UNHEALTHY', workers: [] })
  await store.write((tx) => tx.updateTable('workers').set({ state: 'ready' }).execute())
  await refreshGroup(store, 'default')
  expect(await getCircuit(context, caller, key)).toMatchObject({ status: 'HEALTHY', workers: ['w1'] })
  await forgetReports(store, worker)
  expect(await getCircuit(context, caller, key)).toMatchObject({ status: 'UNHEALTHY' })
})

test('a fault of one worker is a reason until it is gone', async () => {
  const { context, caller } = await setup()
  const { id, key } = await createCircuit(context, caller, subdomain('a'))
  const worker = await addWorker(context.store, 'w1')
  await reportStatus(context.store, worker, [
    { circuit: id, version: 1, fault: 'no certificate for the host' },
  ])
  expect(await getCircuit(context, caller, key)).toMatchObject({
    status: 'PENDING',
    statusReason: 'Worker w1: no certificate for the host',
  })
  await reportStatus(context.store, worker, [{ circuit: id, version: 2 }])
  expect(await getCircuit(context, caller, key)).toMatchObject({ status: 'PENDING' })
  await reportStatus(context.store, worker, [{ circuit: id, fault: null }])
  expect(await getCircuit(context, caller, key)).toMatchObject({ status: 'HEALTHY' })
})

test('two circuits never share a name', async () => {
  const { context, caller } = await setup()
  const label = { frontend: { type: 'subdomain', label: 'Bücher' } }
  const first = await createCircuit(context, caller, subdomain('a', label))
  const second = await createCircuit(context, caller, subdomain('b', label))
  expect(first.host).toBe('xn--bcher-kva.localhost')
  expect(second.host).not.toBe(first.host)
  await deleteCircuit(context, caller, 'b', 0, undefined)
  expect(await createCircuit(context, caller, subdomain('b', label))).toMatchObject({ host: second.host })
  const hosts = { frontend: { type: 'subdomain', hosts: ['app.example.com'] } }
  await createCircuit(context, caller, subdomain('c', hosts))
  expect((await refused(createCircuit(context, caller, subdomain('d', hosts)))).status).toBe(409)
  const own = { frontend: { type: 'subdomain', hosts: ['a.localhost'] } }
  expect((await refused(createCircuit(context, caller, subdomain('e', own)))).problem.errors).toMatchObject([
    { pointer: '/frontend/hosts/0' },
  ])
})

test('the same key gets the same port, also after it was deleted, and a full range says so', async () => {
  const { context, caller } = await setup()
  expect((await refused(createCircuit(context, caller, port('a')))).problem.errors?.[0]?.detail).toMatch(
    /no range/,
  )
  await setPorts(context.store, 30_000, 30_002)
  const { port: given } = await createCircuit(context, caller, port('a'))
  await deleteCircuit(context, caller, 'a', 0, undefined)
  expect(await createCircuit(context, caller, port('a'))).toMatchObject({
    port: given,
    frontend: { port: given },
  })
  const taken = await refused(
    createCircuit(context, caller, port('b', { frontend: { type: 'port', port: given } })),
  )
  expect(taken.is('port-taken')).toBe(true)
  const outside = await refused(
    createCircuit(context, caller, port('b', { frontend: { type: 'port', port: 29_999 } })),
  )
  expect(outside.problem.errors).toMatchObject([{ pointer: '/frontend/port' }])
  await createCircuit(context, caller, port('b'))
  await createCircuit(context, caller, port('c'))
  const full = await refused(createCircuit(context, caller, port('d')))
  expect(full).toMatchObject({
    status: 409,
    detail: expect.stringContaining('All ports 30000-30002') as string,
  })
  await deleteCircuit(context, caller, 'b', 0, undefined)
  await createCircuit(context, caller, port('d'))
})

test('a changed range of ports applies to new circuits, and the others keep their ports', async () => {
  const { context, caller } = await setup()
  await setPorts(context.store, 30_000, 30_010)
  const { port: kept } = await createCircuit(context, caller, port('a'))
  await setPorts(context.store, 31_000, 31_000)
  expect(await createCircuit(context, caller, port('b'))).toMatchObject({ port: 31_000 })
  expect(await getCircuit(context, caller, 'a')).toMatchObject({ port: kept })
  await patchCircuit(context, caller, 'a', { access: { type: 'public' } }, undefined)
  expect((await getCircuit(context, caller, 'a')).port).toBe(kept)
})

test('a port circuit is closed until it is public or has an allow list, and says so', async () => {
  const { context, caller } = await setup()
  await setPorts(context.store, 30_000, 30_010)
  const targets = [{ id: 'a', address: '127.0.0.1:22' }]
  const { id } = await createCircuit(context, caller, port('ssh', { targets }))
  const worker = await addWorker(context.store, 'w1')
  await reportStatus(context.store, worker, [{ circuit: id, version: 1 }])
  const closed = await getCircuit(context, caller, 'ssh')
  expect(closed.status).toBe('HEALTHY')
  expect(closed.statusReason).toMatch(/closed.*branchline circuit forward ssh/)
  const open = await patchCircuit(
    context,
    caller,
    'ssh',
    { access: { allow: ['10.0.0.0/8'], type: 'token' } },
    undefined,
  )
  expect(open.statusReason).toBeUndefined()
})

test('when two changes to one circuit arrive at once, one wins and the other gets 412', async () => {
  const { context, caller } = await setup()
  await createCircuit(context, caller, subdomain('a'))
  await createCircuit(context, caller, subdomain('b'))
  const results = await Promise.allSettled(
    (['weighted', 'least-connections'] as const).map((balancing) =>
      patchCircuit(context, caller, 'a', { balancing }, 1),
    ),
  )
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  const [lost] = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as ProblemError] : [],
  )
  expect(lost).toMatchObject({ status: 412 })
  expect(await getCircuit(context, caller, 'a')).toMatchObject({ version: 2 })
  expect(await getCircuit(context, caller, 'b')).toMatchObject({ version: 1 })
})

test('a patch merges, null restores the default, and nothing changed keeps the version', async () => {
  const { context, caller } = await setup()
  await createCircuit(
    context,
    caller,
    subdomain('a', {
      access: { type: 'token', allow: ['10.0.0.0/8'] },
      ttl: '1h',
      labels: { app: 'x', tier: 'y' },
    }),
  )
  const patch = (body: Parameters<typeof patchCircuit>[3]) =>
    patchCircuit(context, caller, 'a', body, undefined)
  expect(await patch({ access: { allow: null }, ttl: null, labels: { tier: null } })).toMatchObject({
    access: { type: 'token' },
    labels: { app: 'x' },
    version: 2,
  })
  const same = await patch({
    labels: { app: 'x' },
    targets: [{ id: 'a', address: '127.0.0.1:8888', weight: 1 }],
  })
  expect(same).toMatchObject({ version: 2 })
  expect(same.ttl).toBeUndefined()
  expect(same.access.allow).toBeUndefined()
  await patch({ access: null })
  expect((await refused(patch({ access: { allow: ['10.0.0.0/8'] } }))).problem.errors).toMatchObject([
    { pointer: '/access/type' },
  ])
})

test('Traefik refuses what it cannot do', async () => {
  const { context, caller } = await setup()
  await setPorts(context.store, 30_000, 30_010)
  const least = { backend: 'traefik', balancing: 'least-connections' }
  expect((await refused(createCircuit(context, caller, subdomain('a', least)))).problem).toMatchObject({
    status: 422,
    errors: [{ pointer: '/balancing' }],
  })
  const asPort = await refused(createCircuit(context, caller, port('a', { backend: 'traefik' })))
  expect(asPort.problem).toMatchObject({ status: 422, errors: [{ pointer: '/frontend/type' }] })
  await createCircuit(context, caller, subdomain('a', { backend: 'traefik' }))
  const patched = refused(patchCircuit(context, caller, 'a', { balancing: 'least-connections' }, undefined))
  expect((await patched).problem).toMatchObject({ status: 422 })
})

test('a bulk change of circuits has a result for each', async () => {
  const { context, caller } = await setup()
  const results = await changeCircuits(context, caller, {
    create: [subdomain('a'), subdomain('a'), subdomain('b')],
    delete: ['b', 'none'],
  })
  expect(results.map(({ key, status }) => [key, status])).toEqual([
    ['a', 201],
    ['a', 409],
    ['b', 201],
    ['b', 204],
    ['none', 404],
  ])
})

test('a key without admin sees and changes only its own circuits', async () => {
  const { context, caller: admin } = await setup()
  const one = await addCaller(context.store, ['circuits:read', 'circuits:write'])
  const two = await addCaller(context.store, ['circuits:read', 'circuits:write'])
  await createCircuit(context, one, subdomain('a'))
  await createCircuit(context, two, subdomain('b'))
  const keysOf = async (caller: Caller) =>
    (await listCircuits(context, caller, {})).items.map(({ key }) => key)
  expect(await keysOf(one)).toEqual(['a'])
  expect(await keysOf(admin)).toEqual(['a', 'b'])
  expect(await countCircuits(context, one)).toMatchObject({ circuits: { total: 1 }, targets: 1 })
  for (const call of [
    getCircuit(context, two, 'a'),
    patchCircuit(context, two, 'a', { balancing: 'weighted' }, undefined),
    deleteCircuit(context, two, 'a', 0, undefined),
  ]) {
    expect((await refused(call)).status).toBe(404)
  }
  expect((await refused(createCircuit(context, two, subdomain('a')))).detail).not.toMatch(one.keyId)
  const cluster = { targets: [{ cluster: { name: 'c', environment: 'main', service: 'web', port: 80 } }] }
  expect(
    (await refused(createCircuit(context, two, subdomain('c', cluster)))).problem.errors?.[0]?.detail,
  ).toMatch(/clusters:write/)
})

test('lists have pages and filters', async () => {
  const { context, caller } = await setup()
  for (const key of ['c', 'a', 'b'])
    await createCircuit(context, caller, subdomain(key, { labels: { app: key, all: '' } }))
  const first = await listCircuits(context, caller, { limit: 2 })
  expect(first.items.map(({ key }) => key)).toEqual(['a', 'b'])
  const rest = await listCircuits(context, caller, { limit: 2, cursor: first.next })
  expect(rest.items.map(({ key }) => key)).toEqual(['c'])
  expect(rest.next).toBeUndefined()
  const keys = async (query: Parameters<typeof listCircuits>[2]) =>
    (await listCircuits(context, caller, query)).items.map(({ key }) => key)
  expect(await keys({ label: 'app=b,all' })).toEqual(['b'])
  expect(await keys({ text: 'c' })).toEqual(['c'])
  expect(await keys({ status: 'HEALTHY' })).toEqual([])
  expect(await keys({ owner: `key:${caller.keyId}`, group: 'default' })).toEqual(['a', 'b', 'c'])
  expect((await refused(listCircuits(context, caller, { cursor: '!' }))).status).toBe(400)
})
