import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../store/fixture.ts'
import type { Caller } from './caller.ts'
import type { CircuitContext } from './context.ts'
import { createCircuit } from './create.ts'
import { addCaller, refused, subdomain, testContext } from './fixture.ts'
import { changeTargets, deleteTarget, patchTarget, putTarget, replaceAll } from './target-changes.ts'

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

test.each([
  '10.0.0.7:80',
  '169.254.169.254:80',
  '0xa000001:80',
  '[::ffff:10.0.0.1]:80',
  '[fd00:ec2::254]:80',
])('the target %s is refused unless it is allowed', async (address) => {
  const { context, caller } = await setup()
  const create = createCircuit(context, caller, subdomain('a', { targets: [{ address }] }))
  expect((await refused(create)).problem).toMatchObject({
    status: 422,
    errors: [{ pointer: '/targets/0/address' }],
  })
  // 127.0.0.1, which is allowed here.
  await createCircuit(context, caller, subdomain('b', { targets: [{ address: '2130706433:80' }] }))
})

test('targets are changed one by one, each change is idempotent, and other circuits keep their version', async () => {
  const { context, caller } = await setup()
  await createCircuit(context, caller, subdomain('a'))
  const at = { context, caller, key: 'a', ifMatch: undefined }
  const input = { address: '127.0.0.1:9999', weight: 3 }
  expect(await putTarget(at, 'b', input)).toMatchObject({
    version: 2,
    value: { created: true, target: { weight: 3 } },
  })
  expect(await putTarget(at, 'b', input)).toMatchObject({ version: 2, value: { created: false } })
  expect(await patchTarget(at, 'b', { weight: 5, draining: true })).toMatchObject({
    version: 3,
    value: { weight: 5, draining: true },
  })
  expect(await patchTarget(at, 'b', { weight: 5 })).toMatchObject({ version: 3 })
  expect((await refused(patchTarget(at, 'x', { weight: 5 }))).status).toBe(404)
  expect((await refused(putTarget({ ...at, ifMatch: 1 }, 'c', input))).status).toBe(412)
  expect(await deleteTarget(at, 'b')).toMatchObject({ version: 4 })
  expect(await deleteTarget(at, 'b')).toMatchObject({ version: 4 })
  expect(await replaceAll(at, [{ ...input, id: 'z' }])).toMatchObject({
    version: 5,
    value: { items: [{ id: 'z' }] },
  })
  expect(await replaceAll(at, [{ ...input, id: 'z' }])).toMatchObject({ version: 5 })
})

test('a bulk change of targets has a result for each, and a refused one does not stop the others', async () => {
  const { context, caller } = await setup()
  await createCircuit(context, caller, subdomain('a'))
  const at = { context, caller, key: 'a', ifMatch: undefined }
  const bulk = {
    put: [
      { id: 'b', address: '127.0.0.1:1', weight: 1 },
      { id: 'c', address: '10.0.0.1:1', weight: 1 },
      { id: 'a', address: '127.0.0.1:8888', weight: 1 },
    ],
    delete: ['x'],
  }
  const { value } = await changeTargets(at, bulk)
  expect(value.map(({ id, status }) => [id, status])).toEqual([
    ['b', 201],
    ['c', 422],
    ['a', 200],
    ['x', 204],
  ])
  expect(await changeTargets(at, bulk)).toMatchObject({ version: 2 })
})
