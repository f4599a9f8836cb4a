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

test('a request with a body waits for an override without endpoints, and goes to the endpoint that appears', async () => {
  const alice = await world.app('alice')
  const routes = { alice: target('alice', [], 'hold') }
  const { port, sidecar, route } = await world.pod({ appPort: local, routes: { routes } })
  const waiting = [1, 2, 3].map((n) => see(port, { method: 'POST', body: 'b'.repeat(n * 100_000), headers }))
  await until(() => sidecar.held === 3)
  expect(await metric(sidecar.adminPort, 'branchline_held_requests')).toBe(3)
  // Waiting requests do not delay others.
  expect((await see(port)).app).toBe('baseline')
  await route({ routes: { alice: target('alice', [alice], 'hold') } })
  const replies = await Promise.all(waiting)
  expect(replies.map(({ app, body }) => [app, body.length])).toEqual([
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

test('a request waits for the pod’s own app if its environment has the rule hold', async () => {
  const app = await freePort()
  const { port, sidecar } = await world.pod({ appPort: app, routes: { onUnavailable: 'hold' } })
  const waiting = see(port)
  await until(() => sidecar.held === 1)
  await world.app('baseline', undefined, undefined, app)
  expect((await waiting).app).toBe('baseline')
})

test('after the wait it falls back, and for the rest of the outage others do so immediately', async () => {
  const routes = { alice: target('alice', [DEAD_PORT], 'hold') }
  const config = { holdTimeoutMs: 200 }
  const { port, sidecar } = await world.pod({ appPort: local, routes: { routes }, config })
  const before = performance.now()
  expect((await see(port, { headers })).app).toBe('baseline')
  expect(performance.now() - before).toBeGreaterThanOrEqual(150)
  expect((await see(port, { headers })).app).toBe('baseline')
  expect(sidecar.held).toBe(0)
})

test('without a fallback, a 502 names the start of the outage', async () => {
  const routes = { own: ['bob'], base: target('baseline', [DEAD_PORT], 'hold') }
  const config = { holdTimeoutMs: 50 }
  const { port } = await world.pod({ appPort: local, routes, config })
  const began = Date.now()
  const reply = await ask(port, { headers })
  expect(reply.status).toBe(502)
  const problem = JSON.parse(reply.text) as { environment: string; reason: string; since: string }
  expect(problem).toMatchObject({ environment: 'baseline', reason: 'unreachable' })
  expect(Date.parse(problem.since)).toBeGreaterThanOrEqual(began - 5)
  expect(Date.parse(problem.since)).toBeLessThanOrEqual(Date.now())
})

test('the number of waiting requests is limited, and a client that leaves frees its place', async () => {
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

test('a held client that closes its connection frees its place, and its request is not forwarded', async () => {
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

test('a client that half-closed right after its request gets its response', async () => {
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
  // Its end has been read by now, because another client's request has been.
  expect((await see(port)).app).toBe('baseline')
  await route({ routes: { alice: target('alice', [alice], 'hold') } })
  await until(() => text.includes('\r\n\r\n'))
  expect(text).toMatch(/^HTTP\/1\.1 200 /)
  client.destroy()
})
