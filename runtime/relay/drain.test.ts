/** Workers that are drained or cordoned by operators, and workers that stop. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { createClient } from '@branchline/wire/circuits/client'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { cleanUp, later } from '../testing/cleanups.ts'
import { freePort, listenOn } from '../testing/ports.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'
import { appFor, relayFor, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'
import { DEFAULT_RELAY_LIMITS } from './limits.ts'
import type { RunningRelay } from './relay.ts'

afterEach(cleanUp)

const DRAIN_MS = 4_000
const HOST = 'web.localhost'

const clientOf = ({ apiPort, ownerKey = '' }: RunningRelay) =>
  createClient({ url: `http://127.0.0.1:${apiPort}`, key: ownerKey })

/** An app that speaks HTTP and WebSocket, and one that returns every byte. */
async function apps(): Promise<{ readonly web: string; readonly tcp: string }> {
  const { endpoint: web, server } = await appFor((_, response) => response.end('app'))
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) =>
    socket.on('message', (data) => socket.send(data as Buffer, { binary: false })),
  )
  later(() => sockets.close())
  const echo: Server = createServer((socket) => socket.on('error', () => {}).pipe(socket))
  const port = await listenOn(echo)
  later(() => echo.close())
  return { web, tcp: `127.0.0.1:${port}` }
}

/** A relay with a WebSocket and a TCP connection that are open. */
async function openConnections() {
  const { web, tcp } = await apps()
  const port = await freePort()
  const { http, http2 } = DEFAULT_RELAY_LIMITS
  const relay = await relayFor(
    { BRANCHLINE_PORTS: `${port}-${port}`, BRANCHLINE_ALLOW_TARGETS: '127.0.0.1' },
    { http: { ...http, drainMs: DRAIN_MS }, http2: { ...http2, drainMs: DRAIN_MS } },
  )
  const client = clientOf(relay)
  const access = { type: 'public' as const }
  const subdomain = { type: 'subdomain' as const }
  await client.createCircuit({
    body: { key: 'web', frontend: subdomain, access, targets: [{ address: web }] },
  })
  const body = {
    key: 'ssh',
    frontend: { type: 'port' as const },
    backend: 'tcp' as const,
    access,
    targets: [{ address: tcp }],
  }
  await until(() => client.createCircuit({ body }).catch(() => undefined))
  for (const key of ['web', 'ssh'])
    await until(async () => (await client.getCircuit({ params: { key } })).status === 'HEALTHY')
  const socket = new WebSocket(`ws://127.0.0.1:${relay.httpPort}/`, { headers: { host: HOST } })
  await once(socket, 'open')
  const raw = new RawClient(port).send('one')
  await raw.until((text) => text === 'one')
  return { relay, client, socket, raw }
}

/** The response to a request of a visitor who would keep the connection. */
async function answerOf({ httpPort }: RunningRelay): Promise<string> {
  const visitor = new RawClient(httpPort).send(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`)
  const text = await visitor.until((received) => received.includes('app'))
  visitor.socket.destroy()
  return text
}

/** Resolves with what the app returns of a message. */
async function echoed(socket: WebSocket, text: string): Promise<string> {
  const message = once(socket, 'message')
  socket.send(text)
  return String(((await message) as [Buffer])[0])
}

const readiness = async ({ adminPort }: RunningRelay): Promise<number> =>
  (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status

/** Expects the connections to go on for now, and to be cut at the limit. */
async function expectKept(
  { relay, socket, raw }: Awaited<ReturnType<typeof openConnections>>,
  begin: () => Promise<unknown>,
): Promise<void> {
  const closed = once(socket, 'close')
  const startMs = performance.now()
  const begun = begin()
  await until(async () => (await readiness(relay)) === 503)
  expect(await echoed(socket, 'still')).toBe('still')
  raw.send('two')
  await raw.until((text) => text === 'onetwo')
  const [code] = (await closed) as [number]
  expect(code).toBe(1001)
  expect(performance.now() - startMs).toBeGreaterThan(DRAIN_MS - 100)
  await raw.ended()
  await begun
}

test('a worker that stops keeps WebSockets and TCP connections until its limit', async () => {
  const open = await openConnections()
  await expectKept(open, () => open.relay.stop())
  expect(open.socket.readyState).toBe(WebSocket.CLOSED)
})

test('a worker that is drained keeps WebSockets and TCP connections until its limit, and can serve again', async () => {
  const open = await openConnections()
  const { relay, client } = open
  const params = { worker: 'test' }
  await expectKept(open, async () => {
    await client.drainWorker({ params })
    await until(async () => (await readiness(relay)) === 503)
    expect(await answerOf(relay)).toMatch(/^HTTP\/1.1 200[^]*connection: close/i)
    expect((await client.getWorker({ params })).state).toBe('draining')
  })
  const reason = async () => (await client.getWorker({ params })).stateReason
  await until(async () => (await reason()) === 'All its connections have ended.')
  await client.uncordonWorker({ params })
  await until(async () => (await readiness(relay)) === 200)
  expect(await answerOf(relay)).toMatch(/^HTTP\/1.1 200/)
  expect(await answerOf(relay)).not.toMatch(/connection: close/i)
})

async function twoWorkers(): Promise<readonly [RunningRelay, RunningRelay]> {
  const one = await relayFor({ BRANCHLINE_WORKER_NAME: 'one' })
  const { secret } = await clientOf(one).createJoinToken({ body: { name: 'two' } })
  const two = await relayFor({
    BRANCHLINE_ROLE: 'worker',
    BRANCHLINE_WORKER_NAME: 'two',
    BRANCHLINE_COORDINATORS: `http://127.0.0.1:${one.apiPort}`,
    BRANCHLINE_JOIN_TOKEN: secret,
  })
  return [one, two]
}

test('clusters leave a worker that is drained, and their running requests finish', async () => {
  const [one, two] = await twoWorkers()
  const running = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const { endpoint } = await appFor(async (request, response) => {
    if (request.url === '/slow') {
      running.resolve()
      await answer.promise
    }
    response.end('app')
  })
  const services = { 'alice/web:80': endpoint }
  const host = 'web--alice.localhost'
  const at = (relay: RunningRelay) =>
    TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], services, {
      instance: String(relay.tunnelPort),
    })
  const clusters = [await at(one), await at(two)] as const
  await until(() => clusters[1].workers?.length === 1)
  for (const { httpPort } of [one, two])
    await until(async () => (await visit(httpPort, { host })).status === 200)
  const slow = visit(two.httpPort, { host, path: '/slow' })
  await running.promise
  await clientOf(one).drainWorker({ params: { worker: 'two' } })
  await until(() => clusters[1].goneAway.length > 0)
  await until(() => clusters[0].workers?.length === 0)
  // The request goes on over its tunnel, and others go over the other worker.
  await until(async () => (await visit(two.httpPort, { host })).body === 'app')
  answer.resolve()
  expect((await slow).body).toBe('app')
  await until(() => clusters[1].downs.length > 0)
})

test('a worker that is cordoned serves what it served, and clusters are no longer sent to it', async () => {
  const [one, two] = await twoWorkers()
  const { endpoint } = await appFor((_, response) => response.end('app'))
  const services = { 'alice/web:80': endpoint }
  const cluster = await TestCluster.connect(one.tunnelPort, 'dev', [previewOf('alice')], services)
  await until(() => cluster.workers?.length === 1)
  await clientOf(one).cordonWorker({ params: { worker: 'two' } })
  await until(() => cluster.workers?.length === 0)
  expect(cluster.goneAway).toEqual([])
  expect((await fetch(`http://127.0.0.1:${two.adminPort}/readyz`)).status).toBe(200)
  await until(async () => (await visit(two.httpPort, { host: 'web--alice.localhost' })).body === 'app')
})
