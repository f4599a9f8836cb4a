import { Agent, createServer } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ROUTED_HEADER } from '@branchline/wire/names'
import { readBaggageKey } from '@branchline/wire/baggage'
import {
  environmentNumber,
  mintRequestId,
  mintTraceId,
  traceIdNumber,
  traceparentId,
} from '@branchline/wire/trace-id'
import { ask, keyed, rawExchange, see, target, World } from '../fixture/world.ts'
import { DEAD_PORT } from '../../testing/ports.ts'
import { until } from '../../testing/until.ts'

let world: World
let local: number
let alice: number
let bob: number

beforeEach(async () => {
  world = await World.create()
  ;[local, alice, bob] = await Promise.all([world.app('baseline'), world.app('alice'), world.app('bob')])
})
afterEach(() => world.close())

const both = (): Record<string, ReturnType<typeof target>> => ({
  alice: target('alice', [alice]),
  bob: target('bob', [bob]),
})

test('each request of one persistent connection is routed by its own key', async () => {
  const { port } = await world.pod({ appPort: local, routes: { routes: both() } })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const keys = ['alice', undefined, 'bob', 'nobody', 'alice', 'bob', undefined]
  const seen: string[] = []
  for (const key of keys) seen.push((await see(port, { agent, headers: key ? keyed(key) : {} })).app)
  expect(seen).toEqual(['alice', 'baseline', 'bob', 'baseline', 'alice', 'bob', 'baseline'])
  agent.destroy()
})

test('pipelined requests with different keys get their responses in order', async () => {
  const { port } = await world.pod({ appPort: local, routes: { routes: both() } })
  const keys = ['alice', 'bob', 'nobody', 'bob', 'alice']
  const requests = keys.map(
    (key, index) =>
      `GET /${index} HTTP/1.1\r\nhost: api\r\ntracestate: branchline=${key}\r\n` +
      `${index === keys.length - 1 ? 'connection: close\r\n' : ''}\r\n`,
  )
  const replies = await rawExchange(port, requests.join(''))
  const seen = [...replies.matchAll(/"app":"(\w+)","method":"GET","url":"\/(\d)"/g)].map(
    ([, app, url]) => `${url} ${app}`,
  )
  expect(seen).toEqual(['0 alice', '1 bob', '2 baseline', '3 bob', '4 alice'])
})

test('a request to another environment carries the mark and its key, and is otherwise unchanged', async () => {
  const { port } = await world.pod({ appPort: local, routes: { routes: both() } })
  const headers = { tracestate: 'a=1, branchline=alice,b=2', baggage: 'c=3', 'x-other': 'y', host: 'api:80' }
  const seen = await see(port, { method: 'POST', path: '/p?q=1', body: 'hello', headers })
  expect(seen).toMatchObject({ app: 'alice', method: 'POST', url: '/p?q=1', body: 'hello' })
  expect(seen.headers).toMatchObject({ ...headers, [ROUTED_HEADER]: 'alice' })
})

test('a routed request is served here, and the app does not see the mark', async () => {
  const { port } = await world.pod({ appPort: local, routes: { routes: both() } })
  const seen = await see(port, { headers: { ...keyed('alice'), [ROUTED_HEADER]: 'baseline' } })
  expect(seen.app).toBe('baseline')
  expect(seen.headers).not.toHaveProperty(ROUTED_HEADER)
  expect(seen.headers['tracestate']).toBe('branchline=alice')
})

test('a branch sends a foreign key to its base, which decides again', async () => {
  const root = await world.pod({ appPort: local, routes: { routes: both() } })
  const branch = await world.pod({
    appPort: alice,
    environment: 'alice',
    routes: { own: ['alice'], base: target('baseline', [root.port]) },
  })
  expect((await see(branch.port, { headers: keyed('alice') })).app).toBe('alice')
  expect((await see(branch.port)).app).toBe('alice')
  expect((await see(branch.port, { headers: keyed('bob') })).app).toBe('bob')
  expect((await see(branch.port, { headers: keyed('nobody') })).app).toBe('baseline')
})

test('a request without a key from a branch’s pod gets the branch’s key, and forwards it', async () => {
  const { port } = await world.pod({
    appPort: local,
    routes: { routes: both() },
    callers: { '127.0.0.2': 'alice' },
  })
  const { app, headers } = await see(port, { localAddress: '127.0.0.2', headers: { tracestate: 'a=1' } })
  expect(app).toBe('alice')
  expect(headers['tracestate']).toBe('branchline=alice,a=1')
  expect(readBaggageKey(headers['baggage'] as string)).toBe('alice')
  const traceId = traceparentId(headers['traceparent'] as string) ?? ''
  expect(traceIdNumber(traceId)).toBe(environmentNumber('alice'))
  expect((await see(port, { localAddress: '127.0.0.3' })).app).toBe('baseline')
})

test('a request’s own key takes precedence over its caller’s, and is not overwritten', async () => {
  const { port } = await world.pod({
    appPort: local,
    routes: { routes: both() },
    callers: { '127.0.0.2': 'alice' },
  })
  const { app, headers } = await see(port, {
    localAddress: '127.0.0.2',
    headers: { baggage: 'branchline=bob,x=1' },
  })
  expect(app).toBe('bob')
  expect(headers['baggage']).toBe('branchline=bob,x=1')
  expect(headers).not.toHaveProperty('tracestate')
  expect(headers).not.toHaveProperty('traceparent')
})

test('the key of a branch’s pod is also written for the pod’s own app', async () => {
  const routes = { own: ['alice'], base: target('baseline', [local]) }
  const { port } = await world.pod({ appPort: alice, routes, callers: { '127.0.0.2': 'alice' } })
  const { app, headers } = await see(port, { localAddress: '127.0.0.2' })
  expect(app).toBe('alice')
  expect(headers['tracestate']).toBe('branchline=alice')
})

test('a key is found in one of several fields of a name, and all list members are kept', async () => {
  const { port } = await world.pod({ appPort: local, routes: { routes: both() } })
  const { app, headers } = await see(port, { headers: { tracestate: ['a=1', 'branchline=bob', 'c=2'] } })
  expect(app).toBe('bob')
  expect(headers['tracestate']).toMatch(/^a=1, ?branchline=bob, ?c=2$/)
})

test('a client can neither remove the mark by nominating it in Connection, nor forge one for the app', async () => {
  const { port } = await world.pod({ appPort: local, routes: { routes: both() } })
  const nominated = await see(port, { headers: { ...keyed('alice'), connection: `close, ${ROUTED_HEADER}` } })
  expect(nominated.headers[ROUTED_HEADER]).toBe('alice')
  const twice = `GET / HTTP/1.1\r\nhost: a\r\nX-Branchline-Routed: a\r\n${ROUTED_HEADER}: b\r\nconnection: close\r\n\r\n`
  expect(await rawExchange(port, twice)).not.toContain(ROUTED_HEADER)
})

test('an id that the relay minted also carries the key, and on a branch a foreign one goes to the base', async () => {
  const root = await world.pod({ appPort: local, routes: { routes: both() } })
  const b3 = `${mintTraceId(environmentNumber('alice'))}-00f067aa0ba902b7-1`
  const { app, headers } = await see(root.port, { headers: { b3 } })
  expect(app).toBe('alice')
  expect(headers).toMatchObject({ b3, tracestate: 'branchline=alice' })
  expect(traceparentId(headers['traceparent'] as string)).toBe(b3.slice(0, 32))
  const routes = { own: ['alice'], base: target('baseline', [root.port]) }
  const branch = await world.pod({ appPort: alice, environment: 'alice', routes })
  const bobs = { 'x-request-id': mintRequestId(environmentNumber('bob')) }
  expect((await see(branch.port, { headers: bobs })).app).toBe('bob')
  expect((await see(branch.port, { headers: { 'x-request-id': '1' } })).app).toBe('alice')
})

test('a configured header also carries the key', async () => {
  const config = { keyHeader: 'kubernetes-route-as' }
  const { port } = await world.pod({ appPort: local, routes: { routes: both() }, config })
  const { app, headers } = await see(port, { headers: { 'Kubernetes-Route-As': 'bob' } })
  expect(app).toBe('bob')
  expect(headers['tracestate']).toBe('branchline=bob')
})

test('endpoints are tried in turn, and a dead one fails no request', async () => {
  const second = await world.app('second')
  const routes = { alice: target('alice', [alice, second, DEAD_PORT]) }
  const { port } = await world.pod({ appPort: local, routes: { routes } })
  const seen: string[] = []
  for (let index = 0; index < 12; index++) seen.push((await see(port, { headers: keyed('alice') })).app)
  expect(new Set(seen)).toEqual(new Set(['alice', 'second']))
})

test.each(['baseline', 'hold'] as const)('a dead override under %s falls back', async (rule) => {
  const routes = { alice: target('alice', [DEAD_PORT], rule), empty: target('empty', [], rule) }
  const { port } = await world.pod({ appPort: local, routes: { routes } })
  const headers = keyed('alice')
  expect(await see(port, { method: 'POST', body: 'kept', headers })).toMatchObject({
    app: 'baseline',
    body: 'kept',
  })
  expect((await see(port, { headers: keyed('empty') })).app).toBe('baseline')
})

test('a dead override under fail is a 502 that names environment, service and reason', async () => {
  const routes = { alice: target('alice', [DEAD_PORT], 'fail'), empty: target('empty', [], 'fail') }
  const { port } = await world.pod({ appPort: local, routes: { routes } })
  const reply = await ask(port, { headers: keyed('alice') })
  expect(reply).toMatchObject({ status: 502, headers: { 'content-type': 'application/problem+json' } })
  expect(JSON.parse(reply.text)).toMatchObject({
    status: 502,
    environment: 'alice',
    service: 'api',
    reason: 'unreachable',
  })
  const page = await ask(port, { headers: { ...keyed('empty'), accept: 'text/html,*/*' } })
  expect(page).toMatchObject({ status: 502, headers: { 'content-type': 'text/html; charset=utf-8' } })
  expect(page.text).toContain('api of the environment empty has no ready endpoint')
})

test('a branch whose app is dead falls back to its base, which serves the request and does not return it', async () => {
  const root = await world.pod({ appPort: local })
  const base = target('baseline', [root.port])
  const branch = await world.pod({
    appPort: DEAD_PORT,
    environment: 'alice',
    routes: { own: ['alice'], base },
  })
  await root.route({ routes: { alice: target('alice', [branch.port]) } })
  // baseline → alice → baseline, where it ends.
  expect((await see(root.port, { headers: keyed('alice') })).app).toBe('baseline')
  expect((await see(branch.port, { headers: keyed('alice') })).app).toBe('baseline')
})

test('a branch whose app is dead and whose rule is fail responds with a 502', async () => {
  const routes = { own: ['alice'], base: target('baseline', [local]), onUnavailable: 'fail' as const }
  const branch = await world.pod({ appPort: DEAD_PORT, environment: 'alice', routes })
  const reply = await ask(branch.port, { headers: keyed('alice') })
  expect(reply.status).toBe(502)
  expect(JSON.parse(reply.text)).toMatchObject({ environment: 'alice', reason: 'unreachable' })
})

test('a request that has begun ends where it began, and the next one follows the new table', async () => {
  let reply: (() => void) | undefined
  const slow = await world.app('slow', (_, response) => {
    response.write('slow ')
    reply = () => response.end('alice')
  })
  const { port, route } = await world.pod({
    appPort: local,
    routes: { routes: { alice: target('alice', [slow]) } },
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const first = ask(port, { agent, headers: keyed('alice') })
  await until(() => reply !== undefined)
  await route({ routes: {} })
  const second = see(port, { agent, headers: keyed('alice') })
  reply?.()
  expect((await first).text).toBe('slow alice')
  expect((await second).app).toBe('baseline')
  agent.destroy()
})

test('under load, changing tables lose and misroute no request', async () => {
  const { port, route } = await world.pod({ appPort: local, routes: { routes: both() } })
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const load = { going: true }
  let sent = 0
  const allowed: Record<string, string[]> = {
    alice: ['alice', 'baseline'],
    bob: ['bob'],
    nobody: ['baseline'],
  }
  const wrong: string[] = []
  const client = async (offset: number): Promise<void> => {
    for (let index = offset; load.going; index++) {
      const key = Object.keys(allowed)[index % 3] as string
      const { app, url } = await see(port, { agent, path: `/${index}`, headers: keyed(key) })
      if (!allowed[key]?.includes(app) || url !== `/${index}`) wrong.push(`${key} → ${app}${url}`)
      sent++
    }
  }
  const clients = Array.from({ length: 16 }, (_, index) => client(index))
  for (let change = 0; change < 40; change++) {
    const { alice, bob } = both()
    await route({
      routes: change % 2 === 0 ? { bob: bob as never } : { alice: alice as never, bob: bob as never },
    })
    const enough = sent + 20
    await until(() => sent >= enough)
  }
  load.going = false
  await Promise.all(clients)
  agent.destroy()
  expect(wrong).toEqual([])
  expect(sent).toBeGreaterThan(800)
})

test('a killed manager changes no route', async () => {
  const { port, manager } = await world.pod({ appPort: local, routes: { routes: both() } })
  await manager.stop()
  expect((await see(port, { headers: keyed('alice') })).app).toBe('alice')
  expect((await see(port)).app).toBe('baseline')
})

test('without a table the app of the pod serves', async () => {
  const config = { managerUrl: `ws://127.0.0.1:${DEAD_PORT}/routes` }
  const { port } = await world.podWithoutTable({ appPort: local, config })
  expect((await see(port, { headers: keyed('alice') })).app).toBe('baseline')
})

test('a WebSocket upgrade is routed by its key', async () => {
  const server = createServer().on('upgrade', (_, socket) => {
    // The client below leaves without a closing handshake.
    socket.on('error', () => socket.destroy())
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n')
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const upgraded = (server.address() as { port: number }).port
  const { port } = await world.pod({
    appPort: local,
    routes: { routes: { alice: target('alice', [upgraded]) } },
  })
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.write(
    'GET / HTTP/1.1\r\nhost: a\r\ntracestate: branchline=alice\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n',
  )
  await until(() => text.includes('\r\n\r\n'))
  expect(text).toMatch(/^HTTP\/1\.1 101 /)
  socket.write('through')
  await until(() => text.endsWith('through'))
  socket.destroy()
  server.close()
})

test.each([
  ['garbage', 'GARBAGE\r\n\r\n', '400'],
  [
    'both lengths',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    '400',
  ],
  ['too large a head', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`, '431'],
  ['a slow head', 'GET / HTTP/1.1\r\nhost:', '408'],
])('%s gets its status, and the connection is closed', async (_, bytes, status) => {
  const limits = { http: { headMs: 60, lingerMs: 30 } }
  const { port } = await world.pod({ appPort: local, limits })
  expect(await rawExchange(port, bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
})

test('a slow head is also a 408 on an undeclared port, and is counted', async () => {
  const limits = { http: { headMs: 60, lingerMs: 30 } }
  const { port, sidecar } = await world.pod({ appPort: local, protocol: 'auto', limits })
  expect(await rawExchange(port, 'GET / HTTP/1.1\r\nhost:')).toMatch(/^HTTP\/1\.1 408 /)
  const { text } = await ask(sidecar.adminPort, { path: '/metrics' })
  expect(text).toMatch(/^branchline_requests_total\{[^}]*reason="refused"[^}]*code="408"[^}]*\} 1$/m)
})

test('connections beyond the limit get a 503', async () => {
  const { port } = await world.pod({ appPort: local, limits: { http: { connections: 1 } } })
  const first = connect(port, '127.0.0.1')
  first.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await until(() => first.bytesRead > 0)
  expect(await rawExchange(port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n')).toMatch(/^HTTP\/1\.1 503 /)
  first.destroy()
})

test('only the sidecar next to the app limits how long a response may take', async () => {
  const waiting: Array<() => void> = []
  const slow = await world.app('slow', (_request, response) => waiting.push(() => response.end('late')))
  const limits = {
    http: { upstreamResponseMs: 100 },
    hop: { upstreamResponseMs: 60_000, responseProgressMs: 60_000 },
  }
  const alice = await world.pod({ appPort: slow, environment: 'alice' })
  const { port, route } = await world.pod({ appPort: slow, limits })
  await route({ routes: { alice: target('alice', [alice.port]) } })
  const override = ask(port, { headers: { tracestate: 'branchline=alice' } })
  await until(() => waiting.length === 1)
  // The second request ends only after the first has waited longer than the first sidecar's own limit.
  expect(await ask(port)).toMatchObject({ status: 504 })
  waiting[0]?.()
  expect(await override).toMatchObject({ status: 200, text: 'late' })
})

test('endpoints get shares by their weights, and one of weight 0 only gets what the others refuse', async () => {
  const spare = await world.app('spare')
  const weights = { [`127.0.0.1:${alice}`]: 3, [`127.0.0.1:${spare}`]: 0 }
  const both = { alice: { ...target('alice', [alice, bob, spare]), weights } }
  const config = { balancing: 'round-robin' as const }
  const { port, route } = await world.pod({ appPort: local, routes: { routes: both }, config })
  const counts: Record<string, number> = {}
  for (let count = 0; count < 40; count++) {
    const { app } = await see(port, { headers: keyed('alice') })
    counts[app] = (counts[app] ?? 0) + 1
  }
  expect(counts).toEqual({ alice: 30, bob: 10 })
  const dead = { ...target('alice', [DEAD_PORT, spare]), weights: { [`127.0.0.1:${spare}`]: 0 } }
  await route({ routes: { alice: dead } })
  expect((await see(port, { headers: keyed('alice') })).app).toBe('spare')
})
