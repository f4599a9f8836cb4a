import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask, keyed, see, target, World } from '../fixture/world.ts'
import { DEAD_PORT, freePort } from '../../testing/ports.ts'
import { until } from '../../testing/until.ts'

let world: World
let local: number
beforeEach(async () => {
  world = await World.create()
  local = await world.app('baseline')
})
afterEach(() => world.close())

const headers = keyed('alice')
const metric = async (adminPort: number, name: string): Promise<number> => {
  const { text } = await ask(adminPort, { path: '/metrics' })
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
}

test('a request waits for an override without endpoints, body and all, and goes to the one that comes', async () => {
  const alice = await world.app('alice')
  const routes = { alice: target('alice', [], 'hold') }
  const { port, sidecar, route } = await world.pod({ appPort: local, routes: { routes } })
  const waiting = [1, 2, 3].map((n) => see(port, { method: 'POST', body: 'b'.repeat(n * 100_000), headers }))
  await until(() => sidecar.held === 3)
  expect(await metric(sidecar.adminPort, 'branchline_held_requests')).toBe(3)
  // Others are not kept waiting by those who are.
  expect((await see(port)).app).toBe('baseline')
  await route({ routes: { alice: target('alice', [alice], 'hold') } })
  const answers = await Promise.all(waiting)
  expect(answers.map(({ app, body }) => [app, body.length])).toEqual([
    ['alice', 100_000],
    ['alice', 200_000],
    ['alice', 300_000],
  ])
})

test('a request waits for an override that restarts behind the same address', async () => {
  const alice = await freePort()
  const routes = { alice: target('alice', [alice], 'hold') }
  const { port, sidecar } = await world.pod({ appPort: local, routes: { routes } })
  const waiting = see(port, { headers })
  await until(() => sidecar.held === 1)
  await world.app('alice', undefined, undefined, alice)
  expect((await waiting).app).toBe('alice')
})

test('a request waits for the app beside it, where its own environment says so', async () => {
  const app = await freePort()
  const { port, sidecar } = await world.pod({ appPort: app, routes: { onUnavailable: 'hold' } })
  const waiting = see(port)
  await until(() => sidecar.held === 1)
  await world.app('baseline', undefined, undefined, app)
  expect((await waiting).app).toBe('baseline')
})

test('after the wait it falls back, and for the rest of the outage others do at once', async () => {
  const routes = { alice: target('alice', [DEAD_PORT], 'hold') }
  const config = { holdTimeoutMs: 200 }
  const { port, sidecar } = await world.pod({ appPort: local, routes: { routes }, config })
  const before = performance.now()
  expect((await see(port, { headers })).app).toBe('baseline')
  expect(performance.now() - before).toBeGreaterThanOrEqual(150)
  expect((await see(port, { headers })).app).toBe('baseline')
  expect(sidecar.held).toBe(0)
})

test('where there is nothing to fall back to, a 502 says since when', async () => {
  const routes = { own: ['bob'], base: target('baseline', [DEAD_PORT], 'hold') }
  const config = { holdTimeoutMs: 50 }
  const { port } = await world.pod({ appPort: local, routes, config })
  const began = Date.now()
  const answer = await ask(port, { headers })
  expect(answer.status).toBe(502)
  const problem = JSON.parse(answer.text) as { environment: string; reason: string; since: string }
  expect(problem).toMatchObject({ environment: 'baseline', reason: 'unreachable' })
  expect(Date.parse(problem.since)).toBeGreaterThanOrEqual(began - 5)
  expect(Date.parse(problem.since)).toBeLessThanOrEqual(Date.now())
})

test('no more wait than the bound, and a client that leaves waits no more', async () => {
  const routes = { alice: target('alice', [], 'hold') }
  const limits = { hold: { requests: 2 } }
  const config = { holdTimeoutMs: 5_000 }
  const { port, sidecar } = await world.pod({ appPort: local, routes: { routes }, config, limits })
  const clients = [1, 2].map(() => connect(port, '127.0.0.1').on('error', () => {}))
  for (const client of clients) {
    client.write('GET / HTTP/1.1\r\nhost: a\r\ntracestate: branchline=alice\r\n\r\n')
  }
  await until(() => sidecar.held === 2)
  expect((await see(port, { headers })).app).toBe('baseline')
  for (const client of clients) client.resetAndDestroy()
  await until(() => sidecar.held === 0)
})

const HELD = 'GET / HTTP/1.1\r\nhost: a\r\ntracestate: branchline=alice\r\n\r\n'
const NONE_YET = { alice: target('alice', [], 'hold') }

test('a client that ends its connection while it is held gives its place back, and nothing is sent on', async () => {
  const config = { holdTimeoutMs: 5_000 }
  const limits = { http: { halfCloseMs: 0 } }
  const { port, sidecar } = await world.pod({ appPort: local, routes: { routes: NONE_YET }, config, limits })
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  client.on('data', (data) => (text += data.toString()))
  client.write(HELD)
  await until(() => sidecar.held === 1)
  const ended = once(client, 'end')
  client.end()
  await until(() => sidecar.held === 0)
  await ended
  expect(text).toBe('')
  client.destroy()
})

test('one that has ended its direction with its request waits for its answer', async () => {
  const alice = await world.app('alice')
  const config = { holdTimeoutMs: 5_000 }
  const limits = { http: { halfCloseMs: 60_000 } }
  const { port, sidecar, route } = await world.pod({
    appPort: local,
    routes: { routes: NONE_YET },
    config,
    limits,
  })
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  client.on('data', (data) => (text += data.toString()))
  client.end(HELD)
  await until(() => sidecar.held === 1)
  // By now its end has been read, since another one's request has.
  expect((await see(port)).app).toBe('baseline')
  await route({ routes: { alice: target('alice', [alice], 'hold') } })
  await until(() => text.includes('\r\n\r\n'))
  expect(text).toMatch(/^HTTP\/1\.1 200 /)
  client.destroy()
})
