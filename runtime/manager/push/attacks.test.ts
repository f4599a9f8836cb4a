/**
 * Attacks from inside the cluster on the sidecars' port: a missing or stolen token, a request for another pod's
 * table, messages that are too big, wrong, endless or missing, and a peer that never reads. The manager refuses
 * each of them, without effect on other sidecars.
 */
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TestSidecar } from '../fixture/sidecar.ts'
import type { SidecarTable } from '../plan/plan.ts'
import { Hub } from './hub.ts'
import { DEFAULT_PUSH_LIMITS, type PushLimits } from './limits.ts'
import { type PushServer, servePush } from './server.ts'
import { until } from '../../testing/until.ts'

const logger = pino({ level: 'silent' })
const tables = new Map<string, SidecarTable>()
const clients: TestSidecar[] = []
let limits: PushLimits
let hub: Hub
let server: PushServer
let reviews: string[]
let endHeldReview: () => void

async function serve(changed: Partial<PushLimits> = {}): Promise<void> {
  limits = { ...DEFAULT_PUSH_LIMITS, ...changed }
  hub = new Hub({
    limits,
    logger,
    tableOf: (pod) => tables.get(pod),
    epoch: () => 7,
    onStanding: () => undefined,
  })
  const reviewToken = async (token: string) => {
    reviews.push(token)
    if (token === 'slow') await new Promise(() => undefined)
    if (token === 'held') await new Promise<void>((resolve) => (endHeldReview = resolve))
    if (token === 'broken') throw new Error('the API server is unavailable')
    return token.startsWith('pod-') ? { namespace: 'base', pod: token.slice(4) } : undefined
  }
  server = await servePush({
    host: '127.0.0.1',
    port: 0,
    limits,
    logger,
    hub,
    serving: () => true,
    reviewToken,
  })
}

beforeEach(() => {
  reviews = []
  for (const pod of ['api', 'web']) {
    tables.set(`base/${pod}`, {
      environment: 'base',
      listeners: { 25001: { service: pod, routes: {}, own: [] } },
      callers: {},
    })
  }
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate()
  await server.close()
})

function client(token: string, path?: string, protocol?: string): TestSidecar {
  const it = new TestSidecar(server.port, token, path, protocol)
  clients.push(it)
  return it
}

async function statusOf(it: TestSidecar): Promise<number> {
  const [, response] = (await once(it.socket, 'unexpected-response')) as [unknown, { statusCode: number }]
  return response.statusCode
}

async function connected(token = 'pod-api'): Promise<TestSidecar> {
  const it = client(token)
  await once(it.socket, 'open')
  return it
}

const hello = { type: 'hello', inbound: [25001], version: 'test' }

test('a peer without a token, with a wrong one, or with one that cannot be reviewed is refused', async () => {
  await serve({ reviewTimeoutMs: 50 })
  expect(await statusOf(client(''))).toBe(401)
  expect(await statusOf(client('forged'))).toBe(401)
  expect(await statusOf(client('x'.repeat(9000)))).toBe(401)
  expect(await statusOf(client('broken'))).toBe(503)
  expect(await statusOf(client('slow'))).toBe(503)
  expect(reviews).toEqual(['forged', 'broken', 'slow'])
})

test('another path or protocol is refused before its token is reviewed', async () => {
  await serve()
  expect(await statusOf(client('pod-api', '/other'))).toBe(404)
  expect(await statusOf(client('pod-api', '/routes', 'branchline.routes.v0'))).toBe(400)
  expect(reviews).toEqual([])
})

test('reviews beyond the limit are refused, and a finished review frees its place', async () => {
  await serve({ maxReviews: 1, reviewTimeoutMs: 60_000 })
  const held = statusOf(client('held'))
  await until(() => reviews.length === 1, 'the review')
  expect(await statusOf(client('pod-api'))).toBe(503)
  endHeldReview()
  expect(await held).toBe(401)
  await connected()
})

test('only the token identifies the pod, whatever a message says', async () => {
  await serve()
  const it = await connected('pod-web')
  it.say({ ...hello, pod: 'base/api', namespace: 'base', service: 'api' })
  await until(() => it.table, 'a table')
  expect(it.table?.listeners[25001]?.service).toBe('web')
})

test.each([
  ['text that is not JSON', 'garbage', 1008],
  ['another type', '{"type":"snapshot"}', 1008],
  ['a wrong field', '{"type":"hello","inbound":["x"],"version":"1"}', 1008],
  ['an acknowledgement of nothing', '{"type":"ack","epoch":1}', 1008],
  ['too much', JSON.stringify({ ...hello, version: 'x'.repeat(20_000) }), 1009],
  ['binary data', Buffer.from([1, 2, 3]), 1003],
])('%s closes the connection', async (_, message, code) => {
  await serve()
  const it = await connected()
  it.socket.send(message)
  expect(await until(() => it.closeCode, 'the end')).toBe(code)
})

test('hello twice, or an epoch that was never sent, closes the connection', async () => {
  await serve()
  const twice = await connected('pod-api')
  twice.say(hello)
  twice.say(hello)
  expect(await until(() => twice.closeCode, 'the end')).toBe(1008)
  const ahead = await connected('pod-web')
  ahead.say(hello)
  await until(() => ahead.table, 'a table')
  ahead.say({ type: 'ack', epoch: 8 })
  expect(await until(() => ahead.closeCode, 'the end')).toBe(1008)
})

test('a silent peer is closed in time', async () => {
  await serve({ helloTimeoutMs: 30 })
  expect(await closed(await connected())).toBe(4003)
})

test('a peer that does not respond to pings is dropped', async () => {
  await serve({ pingIntervalMs: 30 })
  const it = await connected()
  it.say(hello)
  await until(() => it.table, 'a table')
  const raw = (it.socket as unknown as { _socket: Socket })._socket
  raw.pause()
  await until(() => hub.size === 0, 'the end')
  expect(hub.standing('base/api')).toBeUndefined()
})

test('a peer that does not read is dropped once too much waits for it, and its neighbour stays connected', async () => {
  await serve({ maxBufferedBytes: 64 * 1024 })
  const it = await connected('pod-api')
  const neighbour = await connected('pod-web')
  for (const each of [it, neighbour]) each.say(hello)
  await until(() => it.table && neighbour.table, 'tables')
  ;(it.socket as unknown as { _socket: Socket })._socket.pause()
  let epoch = 7
  const big = Object.fromEntries(
    Array.from({ length: 2_000 }, (_, index) => [`10.1.${index}.1`, `key-${index}`]),
  )
  const before = new Map(tables)
  const publish = (callers: Record<string, string>): void => {
    for (const [pod, table] of before) {
      const after = { ...table, callers }
      const changed = new Map([[pod, { before: tables.get(pod) as SidecarTable, after }]])
      hub.publish(++epoch, changed, new Map())
      tables.set(pod, after)
    }
  }
  // More than the kernel's buffers and ours can hold.
  for (let count = 0; count < 400 && hub.standing('base/api') !== undefined; count++) {
    publish(count % 2 === 0 ? big : {})
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => hub.standing('base/api') === undefined, 'the end of the peer that does not read')
  await until(() => neighbour.table?.epoch === hub.standing('base/web')?.sent, 'the neighbour')
  expect(neighbour.closeCode).toBeUndefined()
})

test('peers without a token, silent or refused, do not keep out a sidecar', async () => {
  await serve({ maxWaiting: 2, maxWaitingPerAddress: 2 })
  const open = (bytes: string): Socket => {
    const socket = connectTcp({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => undefined).resume()
    peers.push(socket)
    socket.write(bytes)
    return socket
  }
  const peers: Socket[] = []
  const upgrade = 'GET /routes HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
  await Promise.all([open(upgrade), open(upgrade)].map((socket) => once(socket, 'end')))
  await connected('pod-api')
  for (const socket of [open('GET'), open('GET')]) await once(socket, 'connect')
  expect((await connected('pod-web')).closeCode).toBeUndefined()
  for (const socket of peers) socket.destroy()
})

test('a pod that connects repeatedly without a hello takes only one place', async () => {
  await serve({ maxConnections: 2 })
  const first = await connected('pod-api')
  await connected('pod-api')
  await closed(first)
  expect(first.closeCode).toBe(4002)
  await connected('pod-web')
})

test('plain HTTP gets a response, and garbage is closed', async () => {
  await serve()
  const response = await fetch(`http://127.0.0.1:${server.port}/routes`)
  expect(response.status).toBe(426)
  await response.body?.cancel()
  const raw = connectTcp(server.port, '127.0.0.1')
  raw.on('error', () => undefined).end('\0\x01garbage\r\n\r\n')
  const [answer] = (await once(raw, 'data')) as [Buffer]
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 400/)
})

const closed = (it: TestSidecar) => until(() => it.closeCode, 'the end')
