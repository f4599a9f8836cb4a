import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createHttpServer } from './http-server.ts'
import { connectInMemory } from './memory-connection.ts'
import { acceptUpgrades } from './upgrade.ts'

test('requests and WebSockets reach a server that listens on no port', async () => {
  const { server, gate } = createHttpServer({}, (_, response) => response.end('hello'))
  const upgrades = acceptUpgrades(server, gate, {
    limits: { accepted: 1, refusedMs: 100 },
    webSocket: {},
    authorize: ({ headers }) =>
      headers.authorization === 'Bearer good'
        ? {
            accept: (socket) =>
              socket.on('message', (data: Buffer) => socket.send(data.toString().toUpperCase())),
          }
        : { status: 401 },
  })
  const dial = (token: string): WebSocket =>
    new WebSocket('ws://coordinator/x', {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: 5_000,
      createConnection: () => connectInMemory(server) as never,
    })
  const refused = dial('bad')
  refused.on('error', () => undefined)
  const [, response] = (await once(refused, 'unexpected-response')) as [unknown, { statusCode: number }]
  expect(response.statusCode).toBe(401)
  const socket = dial('good')
  await once(socket, 'open')
  socket.send('x'.repeat(1_000_000))
  const [data] = (await once(socket, 'message')) as [Buffer]
  expect(data.toString()).toBe('X'.repeat(1_000_000))
  expect(upgrades.accepted).toBe(1)
  socket.close()
  await once(socket, 'close')
  expect(upgrades.accepted).toBe(0)
})
