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

test('who asks is told every hop of the exchange, in order, with its trace', async () => {
  const { root, branch, alice } = await chain()
  const answer = await ask(root.port, { headers: asking })
  const trace = /trace="([0-9a-f]{32})"/.exec(String(answer.headers['x-branchline-route']))?.[1] ?? ''
  expect(isExplained(trace)).toBe(true)
  expect(answer.headers['x-branchline-route']).toBe(
    `"api";at="baseline";to="alice";endpoint="127.0.0.1:${branch.port}";reason="override", ` +
      `"api";at="alice";to="alice";endpoint="127.0.0.1:${alice}";reason="routed";trace="${trace}"`,
  )
})

test('who does not ask, or may not, is told nothing', async () => {
  const { root } = await chain()
  expect((await ask(root.port, { headers: keyed('alice') })).headers).not.toHaveProperty('x-branchline-route')
  const denied = await chain({ routeExplain: 'deny' })
  expect((await ask(denied.root.port, { headers: asking })).headers).not.toHaveProperty('x-branchline-route')
})

test('hops are reported to a manager that takes them, and asked for by their trace', async () => {
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
  const answer = await ask(root.port, { headers: { 'x-branchline-route': `hops=${trace}` } })
  const { hops } = JSON.parse(answer.text) as { hops: Hop[] }
  expect([answer.status, hops]).toEqual([200, [reported]])
})

test('a manager that does not take hops is sent none, and asking for them is a 503', async () => {
  const { root } = await chain()
  const answer = await ask(root.port, { headers: { 'x-branchline-route': `hops=${'a'.repeat(32)}` } })
  expect(answer.status).toBe(503)
  await ask(root.port, { headers: asking })
  expect(root.manager.hops).toEqual([])
})

test('what a caller claims of the way cannot become a header of its own, nor grow without end', async () => {
  const { root } = await chain()
  const forged = { ...keyed('alice'), 'x-branchline-route': `1, "x";at="${'y'.repeat(3_000)}"` }
  const answer = await ask(root.port, { headers: forged })
  expect(answer.status).toBe(200)
  expect(String(answer.headers['x-branchline-route']).length).toBeLessThan(MAX_EXPLAIN_LENGTH)
})

test('each hop is told apart and names the one before it, whichever header an app forwards', async () => {
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
  // What an app forwards of it leads to a hop below that one; a request id alone names none.
  for (const [name, value] of Object.entries({ traceparent, b3, 'uber-trace-id': uber })) {
    await see(root.port, { headers: { [name]: value } })
    await until(() => root.manager.hops.length === 2)
    expect(root.manager.hops.pop()).toMatchObject({ parent: second.id, key: 'alice' })
  }
  await see(root.port, { headers: { b3: b3.replace(/-[0-9a-f]{16}-/, '-not a span-') } })
  await until(() => root.manager.hops.length === 2)
  expect(root.manager.hops.pop()).not.toHaveProperty('parent')
})
