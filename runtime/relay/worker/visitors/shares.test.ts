/**
 * Attack: anonymous visitors of one slow preview use all streams of its cluster's tunnel, or all connections of the
 * relay, so that no other preview responds. Fix: one preview has a share of the running requests, and one address has a
 * share of requests and connections.
 */
import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { appFor, relayFor, visit } from '../../fixture.ts'
import { previewOf, TestCluster } from '../../fixture-cluster.ts'
import type { RelayLimits } from '../../limits.ts'
import type { RunningRelay } from '../../relay.ts'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'

afterEach(cleanUp)

const slow: ServerResponse[] = []
const listener: RequestListener = (request, response) => {
  if (request.url === '/slow') slow.push(response)
  else response.end('served')
}

async function relayWith(limits: Partial<RelayLimits>, fronts = ''): Promise<RunningRelay> {
  slow.length = 0
  const relay = await relayFor({ BRANCHLINE_FRONTS: fronts }, limits)
  const { endpoint } = await appFor(listener)
  const services = { 'alice/web:80': endpoint, 'bob/web:80': endpoint }
  await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice'), previewOf('bob')], services)
  return relay
}

/** Sends a slow request, from one of loopback's many addresses. */
async function askSlow({ httpPort: port }: RunningRelay, localAddress: string): Promise<Socket> {
  const before = slow.length
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {}).resume()
  later(async () => socket.destroy())
  socket.write('GET /slow HTTP/1.1\r\nHost: web--alice.localhost\r\n\r\n')
  await until(() => slow.length > before)
  return socket
}

test('one preview cannot use up the streams that others need', async () => {
  const relay = await relayWith({ requestsPerPreview: 3 })
  for (const host of [1, 2, 3]) await askSlow(relay, `127.0.0.${host}`)
  const busy = await visit(relay.httpPort, { host: 'web--alice.localhost' })
  expect(busy.status).toBe(503)
  expect(busy.headers['retry-after']).toBe('2')
  expect(JSON.parse(busy.body)).toMatchObject({ reason: 'preview-busy' })
  expect((await visit(relay.httpPort, { host: 'web--bob.localhost' })).body).toBe('served')
  for (const response of slow) response.end()
  await until(async () => (await visit(relay.httpPort, { host: 'web--alice.localhost' })).status === 200)
})

test('one address cannot use up the streams that others need', async () => {
  const relay = await relayWith({ requestsPerAddress: 2 })
  for (let count = 0; count < 2; count++) await askSlow(relay, '127.0.0.1')
  const busy = await visit(relay.httpPort, { host: 'web--bob.localhost' })
  expect(busy.status).toBe(503)
  expect(JSON.parse(busy.body)).toMatchObject({ reason: 'visitor-busy' })
  await askSlow(relay, '127.0.0.2')
  for (const response of slow) response.end()
  await until(async () => (await visit(relay.httpPort, { host: 'web--bob.localhost' })).status === 200)
})

test('a front has no limit', async () => {
  const relay = await relayWith({ requestsPerAddress: 1, connectionsPerAddress: 1 }, '127.0.0.0/8')
  for (let count = 0; count < 3; count++) await askSlow(relay, '127.0.0.1')
  expect((await visit(relay.httpPort, { host: 'web--bob.localhost' })).body).toBe('served')
})

test('an upgraded connection counts until it is closed', async () => {
  const relay = await relayWith({ requestsPerAddress: 1 })
  const server = new WebSocketServer({ noServer: true })
  const app = await appFor(listener)
  app.server.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head, () => {}))
  await TestCluster.connect(relay.tunnelPort, 'ws', [previewOf('carol')], { 'carol/web:80': app.endpoint })
  const socket = new WebSocket(`ws://127.0.0.1:${relay.httpPort}`, {
    headers: { host: 'web--carol.localhost' },
  })
  await once(socket, 'open')
  expect((await visit(relay.httpPort, { host: 'web--bob.localhost' })).status).toBe(503)
  socket.terminate()
  await until(async () => (await visit(relay.httpPort, { host: 'web--bob.localhost' })).status === 200)
})

test('connections of one address beyond its share are closed, and others are accepted', async () => {
  const relay = await relayWith({ connectionsPerAddress: 2 })
  const first = await askSlow(relay, '127.0.0.1')
  await askSlow(relay, '127.0.0.1')
  const third = connect({ port: relay.httpPort, host: '127.0.0.1' })
  third.on('error', () => {})
  await new Promise((resolve) => third.once('close', resolve))
  const metrics = await (await fetch(`http://127.0.0.1:${relay.adminPort}/metrics`)).text()
  expect(metrics).toMatch(/^branchline_relay_refused_connections_total 1$/m)
  await askSlow(relay, '127.0.0.2')
  first.resetAndDestroy()
  await until(() => visit(relay.httpPort, { host: 'web--bob.localhost' }).then(isServed, () => false))
  expect(slow.length).toBe(3)
})

const isServed = ({ body }: { body: string }): boolean => body === 'served'
