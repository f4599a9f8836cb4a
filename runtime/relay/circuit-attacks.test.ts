/** Attacks on a whole relay by holders of keys and by visitors, from REST to the app. */
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createClient } from '@branchline/wire/circuits/client'
import { WORKERS_CONNECT_PATH, WORKERS_SUBPROTOCOL } from '@branchline/wire/circuits/protocol'
import { type ForwardTarget, FORWARD_SUBPROTOCOL, parseForwardTarget } from '@branchline/wire/tunnel/forward'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { TunnelDialler } from '../tunnel/index.ts'
import { cleanUp, later } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'
import { appFor, relayFor, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'
import type { RunningRelay } from './relay.ts'

afterEach(cleanUp)

const mirror: RequestListener = (request, response) => response.end(JSON.stringify(request.headers))

const clientOf = (relay: RunningRelay, key = relay.ownerKey ?? '') =>
  createClient({ url: `http://127.0.0.1:${relay.apiPort}`, key })

/** Opens a raw stream to a circuit as `circuit forward` does, without a token, and returns how it ends. */
async function forward(relay: RunningRelay, circuit: string, bytes: string): Promise<string> {
  const dialler = new TunnelDialler<ForwardTarget>({
    url: `ws://127.0.0.1:${relay.httpPort}/-branchline/tcp/${encodeURIComponent(circuit)}`,
    token: '',
    subprotocol: FORWARD_SUBPROTOCOL,
    readTarget: parseForwardTarget,
    onOpen: () => {},
    onDown: () => {},
    onStream: () => {},
    onControl: () => {},
  })
  dialler.start()
  later(() => dialler.stop())
  const link = await until(() => dialler.link)
  const stream = link.open({ circuit })
  let text = ''
  return new Promise((resolve) => {
    stream.receiver = {
      onOpen: () => {},
      onData: (data) => void (text += data.toString('latin1')),
      onEnd: () => {},
      onDrain: () => {},
      onClose: (error) => resolve(error?.message ?? text),
    }
    stream.write(Buffer.from(bytes))
    stream.end()
  })
}

/**
 * Attack: `circuit forward` carries bytes as they are, also to a preview. A visitor of alice's URL so writes bob's key,
 * without a token if the preview is public. Fix: to services of clusters, it carries no HTTP.
 */
test('circuit forward carries no forged key to a preview', async () => {
  const relay = await relayFor()
  const { endpoint } = await appFor(mirror)
  const cluster = await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], {
    'alice/web:80': endpoint,
  })
  await until(() => cluster.registrations.get('web--alice')?.url)
  const fields = 'Host: web--alice.localhost\r\ntracestate: branchline=bob\r\nConnection: close\r\n'
  const seen = await forward(relay, 'preview/web--alice', `GET / HTTP/1.1\r\n${fields}\r\n`)
  expect(seen).toContain('preview/web--alice is HTTP to a service of a cluster')
  expect(cluster.streams).toHaveLength(0)
})

/**
 * Attack: the holder of a key gives a circuit the relay's own host name, or an address of this machine, as a further
 * host. Its app then shows the page at which people enter their tokens. Fix: no circuit gets these names.
 */
test('no circuit takes the relay’s own host', async () => {
  const relay = await relayFor({
    BRANCHLINE_PUBLIC_URL: 'http://relay.example.com:8080',
    BRANCHLINE_ALLOW_TARGETS: '127.0.0.1',
  })
  const { endpoint } = await appFor(mirror)
  const create = (host: string) =>
    clientOf(relay).createCircuit({
      body: {
        key: 'evil',
        frontend: { type: 'subdomain', hosts: [host] },
        access: { type: 'public' },
        targets: [{ address: endpoint }],
      },
    })
  for (const host of ['relay.example.com', 'x.relay.example.com', '127.0.0.1'])
    await expect(create(host)).rejects.toMatchObject({ status: 422 })
})

/**
 * Attack: a browser that got access while a circuit was open to the organization, or by a secret that has leaked, keeps
 * its cookie. Fix: a change of the access, and a new secret, end the sessions.
 */
test.each(['a stricter access', 'a new secret of the key'])('%s ends sessions of browsers', async (by) => {
  const relay = await relayFor({ BRANCHLINE_ALLOW_TARGETS: '127.0.0.1' })
  const { endpoint } = await appFor(mirror)
  const client = clientOf(relay)
  await client.createCircuit({
    body: {
      key: 'org',
      frontend: { type: 'subdomain' },
      access: { type: 'organization' },
      targets: [{ address: endpoint }],
    },
  })
  const { id, secret } = await client.createKey({ body: { name: 'visitor', scopes: ['circuits:read'] } })
  const host = 'org.localhost'
  const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  const path = `/?branchline-token=${secret}`
  const entered = await until(async () => {
    const reply = await visit(relay.httpPort, { host, path, headers })
    return reply.status === 303 ? reply : undefined
  })
  const cookie = entered.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
  const status = async () => (await visit(relay.httpPort, { host, headers: { cookie } })).status
  expect(await status()).toBe(200)
  if (by === 'a stricter access')
    await client.patchCircuit({ params: { key: 'org' }, body: { access: { type: 'token' } } })
  else await client.rotateKey({ params: { id } })
  await until(async () => (await status()) === 401)
})

/**
 * Attack: a worker of another group reports what the database refuses, so that the coordinator tries to write it for
 * ever, and with it the states and statuses of all. It also reports about circuits of others. Fix: the coordinator reads
 * only what it can store, and only about circuits that the worker serves.
 */
test('a worker cannot stop or forge the reports of others', async () => {
  const relay = await relayFor({ BRANCHLINE_ALLOW_TARGETS: '127.0.0.1' })
  const { endpoint } = await appFor(mirror)
  const client = clientOf(relay)
  await client.putGroup({ params: { group: 'edge' }, body: {} })
  const { secret } = await client.createJoinToken({ body: { name: 'edge', group: 'edge' } })
  const facts = {
    name: 'edge-1',
    group: 'edge',
    version: '1',
    labels: {},
    backends: ['http' as const],
    addresses: {},
    maxCircuits: 10,
  }
  const { credential } = await clientOf(relay, secret).registerWorker({ body: facts })
  const web = await client.createCircuit({
    body: { key: 'web', frontend: { type: 'subdomain' }, targets: [{ id: 'a', address: endpoint }] },
  })
  await until(async () => (await client.getCircuit({ params: { key: 'web' } })).status === 'HEALTHY')
  const say = async (...messages: object[]) => {
    const socket = new WebSocket(
      `ws://127.0.0.1:${relay.apiPort}${WORKERS_CONNECT_PATH}`,
      WORKERS_SUBPROTOCOL,
      { headers: { authorization: `Bearer ${credential}` } },
    )
    later(() => socket.terminate())
    socket.on('error', () => {})
    await once(socket, 'open')
    for (const message of [{ type: 'hello' }, ...messages]) socket.send(JSON.stringify(message))
    return socket
  }
  const described = { type: 'facts', facts, peerHash: '0'.repeat(64), credentials: [], clusters: [] }
  const health = { target: 'a', status: 'UNHEALTHY', sinceMs: 1 }
  await say(
    described,
    { type: 'targets', targets: [{ circuit: 'x', ...health }] },
    { type: 'usage', circuits: [{ id: 'x', requests: 1, open: 0 }] },
    { type: 'targets', targets: [{ circuit: web.id, ...health, reason: 'forged' }] },
    { type: 'bye', reason: 'half \ud800 and \0' },
  ).then((socket) => socket.close())
  for (const bad of [
    { version: '\0' },
    { maxCircuits: 3_000_000_000 },
    { addresses: { portHost: '\ud800' } },
  ])
    await once(await say({ ...described, facts: { ...facts, ...bad } }), 'close')
  await once(await say({ ...described, clusters: ['a\0 b'] }), 'close')
  const worker = async () => client.getWorker({ params: { worker: 'edge-1' } })
  await until(async () => (await worker()).state === 'lost')
  await client.createCircuit({
    body: { key: 'next', frontend: { type: 'subdomain' }, targets: [{ id: 'a', address: endpoint }] },
  })
  await until(async () => (await client.getCircuit({ params: { key: 'next' } })).status === 'HEALTHY')
  const { targets } = await client.getCircuit({ params: { key: 'web' } })
  expect(targets[0]?.statusReason).toBeUndefined()
})
