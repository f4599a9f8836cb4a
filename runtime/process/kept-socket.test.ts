import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { cleanUp, later } from '../testing/cleanups.ts'
import { freePort, listenOn } from '../testing/ports.ts'
import { until } from '../testing/until.ts'
import { closeWithin, Keepalive } from './keepalive.ts'
import { KeptSocket, type KeptSocketOptions, type SocketFault } from './kept-socket.ts'

afterEach(cleanUp)

interface Kept {
  readonly kept: KeptSocket
  readonly open: WebSocket[]
  readonly faults: SocketFault[]
}

function keep(port: number, options: Partial<KeptSocketOptions> = {}): Kept {
  const open: WebSocket[] = []
  const faults: SocketFault[] = []
  const kept = new KeptSocket({
    url: `ws://127.0.0.1:${port}/`,
    subprotocol: 'test',
    token: () => 'secret',
    limits: { connectMs: 5_000, backoff: { firstMs: 1, maxMs: 4 } },
    ...options,
    onDown(fault, waitMs) {
      faults.push(fault)
      options.onDown?.(fault, waitMs)
    },
    onOpen(socket) {
      open.push(socket)
      options.onOpen?.(socket)
    },
  })
  kept.start()
  later(() => kept.stop((socket) => socket.terminate()))
  return { kept, open, faults }
}

async function serve(
  port = 0,
): Promise<{ port: number; accepted: WebSocket[]; tokens: (string | undefined)[] }> {
  const server = new WebSocketServer({ port, host: '127.0.0.1' })
  const accepted: WebSocket[] = []
  const tokens: (string | undefined)[] = []
  server.on('connection', (socket, { headers }) => {
    accepted.push(socket)
    tokens.push(headers.authorization)
  })
  await once(server, 'listening')
  later(() => {
    for (const socket of accepted) socket.terminate()
    server.close()
  })
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, accepted, tokens }
}

test('a connection that ends is opened again, with the current token', async () => {
  const { port, accepted, tokens } = await serve()
  let count = 0
  const { open, faults } = keep(port, { token: () => `token-${++count}` })
  await until(() => open.length === 1 && accepted.length === 1)
  accepted[0]?.close(4000, 'go')
  await until(() => open.length === 2 && accepted.length === 2)
  expect(faults).toMatchObject([{ reason: 'closed', detail: 4000, message: 'go' }])
  expect(tokens).toEqual(['Bearer token-1', 'Bearer token-2'])
})

test('each kind of failure has its reason, and is tried again', async () => {
  const port = await freePort()
  const refused = keep(port)
  await until(() => refused.faults.length >= 2)
  expect(refused.faults[0]).toMatchObject({ reason: 'error', detail: 'ECONNREFUSED' })
  const denying = createServer((socket) => {
    socket.on('error', () => {}).end('HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n')
  })
  later(() => denying.close())
  const denied = keep(await listenOn(denying))
  await until(() => denied.faults.length >= 2)
  expect(denied.faults[0]).toMatchObject({ reason: 'refused', detail: 401 })
  const tokenless = keep(port, { token: () => Promise.reject(new Error('none')) })
  await until(() => tokenless.faults.length >= 2)
  expect(tokenless.faults[0]).toMatchObject({ reason: 'token unreadable', message: 'none' })
  const odd = keep(port, { token: () => 'two\nlines' })
  await until(() => odd.faults.length >= 2)
  expect(odd.faults[0]?.reason).toBe('cannot connect')
  expect(odd.faults[0]?.message).not.toContain('two')
})

test('a handshake that takes too long ends', async () => {
  const mute = createServer((socket) => void socket.on('error', () => {}))
  later(() => mute.close())
  const limits = { connectMs: 20, backoff: { firstMs: 1, maxMs: 4 } }
  const { faults } = keep(await listenOn(mute), { limits })
  await until(() => faults.length >= 2)
  expect(faults[0]?.reason).toBe('error')
})

test('after a connection that was established, the wait starts again at the first one', async () => {
  const port = await freePort()
  const waits: number[] = []
  const { kept, open } = keep(port, {
    limits: { connectMs: 5_000, backoff: { firstMs: 1, maxMs: 60_000 } },
    onOpen: (socket) => void socket.on('close', () => kept.established()),
    onDown: (_fault, waitMs) => void waits.push(waitMs),
  })
  await until(() => waits.length > 4)
  const { accepted } = await serve(port)
  await until(() => open.length === 1 && accepted.length === 1)
  const before = waits.length
  accepted[0]?.close()
  await until(() => waits.length > before)
  expect(waits[before - 1]).toBeGreaterThan(4)
  expect(waits[before]).toBeLessThanOrEqual(1)
})

test('listeners of onOpen get the end before onDown does', async () => {
  const { port, accepted } = await serve()
  const order: string[] = []
  keep(port, {
    onOpen: (socket) => void socket.on('close', () => order.push('close')),
    onDown: () => order.push('down'),
  })
  await until(() => accepted.length === 1)
  accepted[0]?.close()
  await until(() => order.length === 2)
  expect(order).toEqual(['close', 'down'])
})

test('stop ends every state, and nothing is dialled after it', async () => {
  const { port, accepted } = await serve()
  const opened = keep(port)
  await until(() => opened.open.length === 1)
  await opened.kept.stop((socket) => closeWithin(socket, 1_000, 1000))
  opened.kept.start()
  const dialling = keep(port)
  await dialling.kept.stop((socket) => socket.terminate())
  const waiting = keep(await freePort(), {
    limits: { connectMs: 1_000, backoff: { firstMs: 60_000, maxMs: 60_000 } },
  })
  await until(() => waiting.faults.length === 1)
  await waiting.kept.stop((socket) => socket.terminate())
  expect(opened.open).toHaveLength(1)
  expect(opened.faults).toEqual([])
  expect(accepted.length).toBeLessThanOrEqual(2)
})

test('a peer that does not respond to a ping is silent; one that responds or sends is not', async () => {
  const { port, accepted } = await serve()
  const silent: number[] = []
  let beats = 0
  const { open } = keep(port, {
    onOpen: (socket) => {
      const keepalive = new Keepalive(socket, { pingMs: 5, pongMs: 10_000 }, () => silent.push(1))
      socket.on('pong', () => beats++)
      socket.on('message', () => keepalive.heard())
    },
  })
  await until(() => open.length === 1 && accepted.length === 1 && beats > 3)
  expect(silent).toEqual([])
  accepted[0]?.pause()
  const impatient = new Keepalive(open[0] as WebSocket, { pingMs: 5, pongMs: 20 }, () => silent.push(2))
  await until(() => silent.length > 0)
  impatient.heard()
  expect(silent).toEqual([2])
})

test('a peer that does not reply to the close frame is cut off', async () => {
  const { port, accepted } = await serve()
  const { open, faults } = keep(port)
  await until(() => open.length === 1 && accepted.length === 1)
  accepted[0]?.pause()
  closeWithin(open[0] as WebSocket, 20, 4000, 'gone')
  closeWithin(open[0] as WebSocket, 60_000, 4001)
  await until(() => faults.length > 0)
  expect(faults[0]).toMatchObject({ reason: 'closed', detail: 1006 })
})
