import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { once } from 'node:events'
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GrpcCaller, http2App, stopHttp2Peers } from '../campaign/http2-peers.ts'
import { keyed, type Pod, target, World } from '../fixture/world.ts'
import { DEAD_PORT, freePort } from '../../testing/ports.ts'
import { until } from '../../testing/until.ts'

let world: World
let local: number
const arrived: string[] = []
const sessions: ClientHttp2Session[] = []
beforeEach(async () => {
  arrived.length = 0
  world = await World.create()
  local = await http2App('baseline', (id) => arrived.push(id))
})
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy()
  stopHttp2Peers()
  await world.close()
})

const headers = keyed('alice')
const HELD = { alice: target('alice', [], 'hold') }

const pod = (routes: Record<string, ReturnType<typeof target>>, options = {}): Promise<Pod> =>
  world.pod({
    appPort: local,
    protocol: 'http2',
    routes: { routes },
    config: { holdTimeoutMs: 5_000 },
    ...options,
  })

function session(port: number): ClientHttp2Session {
  const opened = connect(`http://127.0.0.1:${port}`).on('error', () => {})
  sessions.push(opened)
  return opened
}

interface Got {
  readonly fields: IncomingHttpHeaders
  readonly body: string
}

async function get(over: ClientHttp2Session, fields: Record<string, string>): Promise<Got> {
  const stream = over.request({ ':path': '/x', ...fields })
  let got: IncomingHttpHeaders = {}
  let body = ''
  stream.setEncoding('utf8').on('response', (it) => (got = it))
  stream.on('data', (part: string) => (body += part))
  await once(stream, 'close')
  return { fields: got, body }
}

test('streams and calls wait for an override to appear, while others of their connection continue', async () => {
  const alice = await http2App('alice', (id) => arrived.push(id))
  const { port, sidecar, route } = await pod(HELD)
  const over = session(port)
  const caller = new GrpcCaller(port)
  const waiting = get(over, headers)
  const calls = ['one', 'two'].map((message) => caller.call(message, headers))
  await until(() => sidecar.held === 3)
  expect((await get(over, {})).fields['x-app']).toBe('baseline')
  await route({ routes: { alice: target('alice', [alice], 'hold') } })
  expect((await waiting).fields['x-app']).toBe('alice')
  expect(await Promise.all(calls)).toEqual([
    { app: 'alice', body: 'one' },
    { app: 'alice', body: 'two' },
  ])
  expect(arrived.toSorted()).toEqual(['/x', '/x', 'one', 'two'])
})

test('a call waits for an override that restarts behind the same address', async () => {
  const port = await freePort()
  const { port: at, sidecar } = await pod({ alice: target('alice', [port], 'hold') })
  const call = new GrpcCaller(at).call('again', headers)
  await until(() => sidecar.held === 1)
  await http2App('alice', () => {}, port)
  expect(await call).toEqual({ app: 'alice', body: 'again' })
})

test('after the wait they fall back, like the rule baseline', async () => {
  const config = { holdTimeoutMs: 100 }
  const { port, sidecar } = await pod({ alice: target('alice', [DEAD_PORT], 'hold') }, { config })
  expect(await new GrpcCaller(port).call('late', headers)).toEqual({ app: 'baseline', body: 'late' })
  expect((await get(session(port), headers)).fields['x-app']).toBe('baseline')
  expect(sidecar.held).toBe(0)
})

test('a stream that is cancelled, exceeds its deadline or loses its connection stops waiting', async () => {
  const { port, sidecar } = await pod(HELD)
  const over = session(port)
  const stream = over.request({ ':path': '/', ...headers }).on('error', () => {})
  await until(() => sidecar.held === 1)
  stream.close(8)
  await until(() => sidecar.held === 0)
  void get(over, headers).catch(() => {})
  await until(() => sidecar.held === 1)
  over.destroy()
  await until(() => sidecar.held === 0)
  const metadata = new Metadata()
  metadata.set('tracestate', 'branchline=alice')
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  const bytes = (text: string): Buffer => Buffer.from(text)
  const error = await new Promise<ServiceError | null>((resolve) => {
    client.makeUnaryRequest(
      '/mix.Echo/Say',
      bytes,
      String,
      'late',
      metadata,
      { deadline: Date.now() + 100 },
      (it) => resolve(it),
    )
  })
  expect(error?.code).toBe(status.DEADLINE_EXCEEDED)
  await until(() => sidecar.held === 0)
  client.close()
  expect(arrived).toEqual([])
})

test('heads of HTTP/2 count towards the limit of held bytes', async () => {
  const limits = { hold: { headBytes: 5_000 } }
  const { port, sidecar } = await pod(HELD, { limits })
  const over = session(port)
  const large = { ...headers, 'x-large': 'x'.repeat(3_000) }
  const first = get(over, large)
  await until(() => sidecar.held === 1)
  // The second request exceeds the limit, so it falls back immediately.
  expect((await get(over, large)).fields['x-app']).toBe('baseline')
  expect(sidecar.held).toBe(1)
  over.destroy()
  await first.catch(() => {})
})

test('a request over HTTP/2 that asks for its path gets it, and its hops later', async () => {
  const alice = await http2App('alice', () => {})
  const branch = await world.pod({
    appPort: alice,
    protocol: 'http2',
    environment: 'alice',
    routes: { own: ['alice'] },
  })
  const root = await pod({ alice: target('alice', [branch.port]) })
  root.manager.explains()
  await until(() => root.manager.acks.length > 1)
  const over = session(root.port)
  const path = String(
    (await get(over, { ...headers, 'x-branchline-route': '1' })).fields['x-branchline-route'],
  )
  const trace = /;trace="([0-9a-f]{32})"$/.exec(path)?.[1]
  expect(path).toBe(
    `"api";at="baseline";to="alice";endpoint="127.0.0.1:${branch.port}";reason="override", ` +
      `"api";at="alice";to="alice";endpoint="127.0.0.1:${alice}";reason="routed";trace="${trace}"`,
  )
  await until(() => root.manager.hops.length === 1)
  const { fields, body } = await get(over, { 'x-branchline-route': `hops=${trace}` })
  expect(fields).toMatchObject({ ':status': 200, 'content-type': 'application/json' })
  expect(JSON.parse(body)).toMatchObject({
    traceId: trace,
    hops: [{ service: 'api', at: 'baseline', environment: 'alice', reason: 'override', status: 200 }],
  })
  expect((await get(over, headers)).fields).not.toHaveProperty('x-branchline-route')
})
