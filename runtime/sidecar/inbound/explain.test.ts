import { type Hop, MAX_EXPLAIN_LENGTH } from '@branchline/wire/explain'
import { isExplained, parentIdOf } from '@branchline/wire/trace-id'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask, keyed, type Pod, see, target, World } from '../fixture/world.ts'
import { until } from '../../testing/until.ts'

let world: World
let local: number
beforeEach(async () => {
  world = await World.create()
  local = await world.app('baseline')
})
afterEach(() => world.close())

const asking = { ...keyed('alice'), 'x-branchline-route': '1' }

async function chain(config = {}): Promise<{ root: Pod; branch: Pod; alice: number }> {
  const alice = await world.app('alice')
  const branch = await world.pod({ appPort: alice, environment: 'alice', routes: { own: ['alice'] }, config })
  const routes = { alice: target('alice', [branch.port]) }
  return { root: await world.pod({ appPort: local, routes: { routes }, config }), branch, alice }
}

test('a request that asks for its path gets every hop of the exchange, in order, with its trace', async () => {
  const { root, branch, alice } = await chain()
  const response = await ask(root.port, { headers: asking })
  const trace = /trace="([0-9a-f]{32})"/.exec(String(response.headers['x-branchline-route']))?.[1] ?? ''
  expect(isExplained(trace)).toBe(true)
  expect(response.headers['x-branchline-route']).toBe(
    `"api";at="baseline";to="alice";endpoint="127.0.0.1:${branch.port}";reason="override", ` +
      `"api";at="alice";to="alice";endpoint="127.0.0.1:${alice}";reason="routed";trace="${trace}"`,
  )
})

test('a request that does not ask, or may not, gets no path', async () => {
  const { root } = await chain()
  expect((await ask(root.port, { headers: keyed('alice') })).headers).not.toHaveProperty('x-branchline-route')
  const denied = await chain({ routeExplain: 'deny' })
  expect((await ask(denied.root.port, { headers: asking })).headers).not.toHaveProperty('x-branchline-route')
})

test('hops are reported to a manager that accepts them, and queried by their trace', async () => {
  const { root } = await chain()
  root.manager.explains()
  await until(() => root.manager.acks.length > 1)
  const { headers } = await ask(root.port, { headers: asking })
  const trace = /trace="([0-9a-f]{32})"/.exec(String(headers['x-branchline-route']))?.[1] ?? ''
  await until(() => root.manager.hops.length === 1)
  const [reported] = root.manager.hops
  expect(reported).toMatchObject({
    service: 'api',
    at: 'baseline',
    environment: 'alice',
    key: 'alice',
    status: 200,
  })
  const response = await ask(root.port, { headers: { 'x-branchline-route': `hops=${trace}` } })
  const { hops } = JSON.parse(response.text) as { hops: Hop[] }
  expect([response.status, hops]).toEqual([200, [reported]])
})

test('a manager that does not accept hops gets none, and a query for them is a 503', async () => {
  const { root } = await chain()
  const response = await ask(root.port, { headers: { 'x-branchline-route': `hops=${'a'.repeat(32)}` } })
  expect(response.status).toBe(503)
  await ask(root.port, { headers: asking })
  expect(root.manager.hops).toEqual([])
})

test('a path that a caller claims cannot become another header, and cannot grow without limit', async () => {
  const { root } = await chain()
  const forged = { ...keyed('alice'), 'x-branchline-route': `1, "x";at="${'y'.repeat(3_000)}"` }
  const response = await ask(root.port, { headers: forged })
  expect(response.status).toBe(200)
  expect(String(response.headers['x-branchline-route']).length).toBeLessThan(MAX_EXPLAIN_LENGTH)
})

test('each hop has its own id and names the previous hop, whichever header an app forwards', async () => {
  const { root, branch } = await chain({ addedIds: ['b3', 'uber-trace-id'] })
  for (const { manager } of [root, branch]) manager.explains()
  await until(() => root.manager.acks.length > 1 && branch.manager.acks.length > 1)
  const seen = await see(root.port, { headers: asking })
  await until(() => root.manager.hops.length === 1 && branch.manager.hops.length === 1)
  const [first] = root.manager.hops as [Hop]
  const [second] = branch.manager.hops as [Hop]
  expect(first.id).toMatch(/^[0-9a-f]{16}$/)
  expect(second.parent).toBe(first.id)
  expect(second.id).not.toBe(first.id)
  const { traceparent = '', b3 = '', 'uber-trace-id': uber = '' } = seen.headers as Record<string, string>
  expect(parentIdOf(traceparent)).toBe(second.id)
  // A header that an app forwards leads to a hop below this one. A request id alone names no parent.
  for (const [name, value] of Object.entries({ traceparent, b3, 'uber-trace-id': uber })) {
    await see(root.port, { headers: { [name]: value } })
    await until(() => root.manager.hops.length === 2)
    expect(root.manager.hops.pop()).toMatchObject({ parent: second.id, key: 'alice' })
  }
  await see(root.port, { headers: { b3: b3.replace(/-[0-9a-f]{16}-/, '-not a span-') } })
  await until(() => root.manager.hops.length === 2)
  expect(root.manager.hops.pop()).not.toHaveProperty('parent')
})
