/**
 * Attack: peers without a credential fill a port for WebSockets. They stay silent, send half a head, or are refused and
 * never close their half. Fix: a connection waits until its upgrade is accepted, the longest waiting one makes room, a
 * refused one is cut off soon after its response, and waits end on time.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { cleanUp, later } from '../testing/cleanups.ts'
import { listenForUpgrades, type UpgradeLimits, type UpgradeServer, type UpgradeDecision } from './upgrade.ts'

const LIMITS: UpgradeLimits = {
  accepted: 2,
  waiting: 4,
  waitingPerAddress: 4,
  headMs: 60_000,
  refusedMs: 60_000,
}
afterEach(cleanUp)

async function serve(
  limits: Partial<UpgradeLimits> = {},
  authorize?: (token: string) => UpgradeDecision | Promise<UpgradeDecision>,
): Promise<UpgradeServer> {
  const server = await listenForUpgrades({
    host: '127.0.0.1',
    port: 0,
    limits: { ...LIMITS, ...limits },
    webSocket: {},
    authorize: ({ headers: { authorization = '' } }) =>
      authorize?.(authorization) ?? (authorization === 'good' ? { accept: () => {} } : { status: 401 }),
  })
  later(async () => {
    const closed = server.close()
    for (const client of server.sockets.clients) client.terminate()
    server.cutWaiting()
    await closed
  })
  return server
}

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** A peer that never closes its half. */
interface Peer {
  readonly socket: Socket
  readonly text: () => string
}

async function peer({ port }: UpgradeServer, bytes = ''): Promise<Peer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  socket.on('error', () => {}).on('data', (data) => (text += data.toString('latin1')))
  later(() => socket.destroy())
  await once(socket, 'connect')
  if (bytes !== '') socket.write(bytes)
  return { socket, text: () => text }
}

/** Resolves once the server has cut off a peer. A peer whose half is open notices when it writes. */
function gone({ socket }: Pick<Peer, 'socket'>): Promise<void> {
  const timer = setInterval(() => socket.write('x'), 5)
  return new Promise((resolve) => {
    socket.once('close', () => {
      clearInterval(timer)
      resolve()
    })
  })
}

async function client({ port }: UpgradeServer, authorization = 'good'): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { authorization } })
  later(() => socket.terminate())
  await once(socket, 'open')
  return socket
}

async function statusOf({ port }: UpgradeServer, authorization: string): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { authorization } })
  later(() => socket.on('error', () => {}).terminate())
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }]
  return response.statusCode
}

test.each([
  ['are silent', ''],
  ['send half a head', UPGRADE],
  ['are refused and keep their half open', `${UPGRADE}\r\n`],
  ['are refused and send more', `${UPGRADE}\r\n${'x'.repeat(100)}`],
])('peers that %s do not shut out a client with a credential', async (_, bytes) => {
  const server = await serve()
  const peers = await Promise.all(Array.from({ length: 4 }, () => peer(server, bytes)))
  if (bytes.includes('\r\n\r\n')) await Promise.all(peers.map(({ socket }) => once(socket, 'end')))
  expect((await client(server)).readyState).toBe(WebSocket.OPEN)
  await peer(server)
  await Promise.race(peers.map(gone))
})

test.each(['', UPGRADE])('a head that does not end costs its time and no more', async (bytes) => {
  const server = await serve({ headMs: 50 })
  const half = await peer(server, bytes)
  await gone(half)
  expect(half.text()).not.toContain('101')
})

test('a refused peer that keeps its half open is cut off after its time', async () => {
  const server = await serve({ refusedMs: 50 })
  const { socket } = await peer(server, `${UPGRADE}\r\n`)
  await once(socket, 'end')
  await gone({ socket })
  expect(server.accepted).toBe(0)
})

test('a refusal arrives whole, although the peer sent more', async () => {
  const server = await serve()
  const { socket, text } = await peer(server, `${UPGRADE}\r\n${'x'.repeat(10_000)}`)
  await once(socket, 'end')
  expect(text()).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n[\s\S]*\r\n\r\n$/)
  const ended = once(socket, 'close')
  socket.end()
  expect(await ended).toEqual([false])
})

test('accepted connections count separately, up to their own limit', async () => {
  const server = await serve({ waiting: 1, waitingPerAddress: 1 })
  const first = await client(server)
  await client(server)
  expect(server.accepted).toBe(2)
  expect(await statusOf(server, 'good')).toBe(503)
  first.close()
  await once(first, 'close')
  while (server.accepted > 1) await new Promise((resolve) => setImmediate(resolve))
  await client(server)
})

test('a connection that waits for its authorization is not closed to make room', async () => {
  let decide: (decision: UpgradeDecision) => void = () => {}
  const asked = Promise.withResolvers<undefined>()
  const server = await serve({ waiting: 1, waitingPerAddress: 1 }, (token) => {
    if (token !== 'slow') return { status: 401 }
    asked.resolve(undefined)
    return new Promise((resolve) => (decide = resolve))
  })
  const slow = client(server, 'slow')
  await asked.promise
  for (let i = 0; i < 3; i++) expect(await statusOf(server, 'bad')).toBe(401)
  decide({ accept: () => {} })
  expect((await slow).readyState).toBe(WebSocket.OPEN)
})

test('an authorization that throws causes a 500', async () => {
  const server = await serve({}, () => Promise.reject(new Error('no decision')))
  expect(await statusOf(server, 'good')).toBe(500)
})
