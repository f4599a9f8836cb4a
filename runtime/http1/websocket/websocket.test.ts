import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer, WebSocket as Client } from 'ws'
import { hop, type Hop, rawServer } from '../fixtures.ts'
import { cleanUp, later } from '../../testing/cleanups.ts'
import { RawClient } from '../../testing/raw-client.ts'
import { until } from '../../testing/until.ts'

afterEach(cleanUp)

const UPGRADE =
  'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
const AWAY = '\x88\x02\x03\xe9'

/** A WebSocket server, and a client that has connected to it through a hop. */
async function joined(): Promise<{ through: Hop; app: WebSocket; client: Client }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  later(() => server.close())
  const through = await hop((server.address() as AddressInfo).port)
  const client = new Client(`ws://127.0.0.1:${through.port}`)
  const [[app]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [
    [WebSocket],
    unknown,
  ]
  return { through, app, client }
}

/** A hop to an app that accepts an upgrade and then sends `words`; what it receives is collected. */
async function rawJoined(words: string, switching = SWITCHING) {
  const got: string[] = []
  let ended = 'open'
  const port = await rawServer((socket) => {
    socket.once('data', () => {
      socket.write(switching + words, 'latin1')
      socket.on('data', (data) => got.push(data.toString('latin1')))
    })
    socket.on('end', () => (ended = 'FIN'))
    socket.on('error', ({ message }) => (ended = message))
  })
  const through = await hop(port)
  const protocol = switching === SWITCHING ? 'websocket' : 'chat'
  const client = new RawClient(through.port).send(UPGRADE.replace('websocket', protocol))
  await client.until((text) => text.endsWith(words))
  return { through, client, app: { text: () => got.join(''), ended: () => ended } }
}

const after101 = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4)

describe('a WebSocket when the engine stops', () => {
  test('gets 1001 on both ends after its time', async () => {
    const { through, app, client } = await joined()
    const closed = Promise.all([once(app, 'close'), once(client, 'close')])
    await through.engine.stop()
    const [[ofApp], [ofClient]] = (await closed) as [[number], [number]]
    expect([ofApp, ofClient]).toEqual([1001, 1001])
    expect(through.engine.connections).toBe(0)
  })

  test('gets it after the message in transit, which arrives whole', async () => {
    const { through, client, app } = await rawJoined('\x82\x01a')
    // The beginning of a masked message.
    client.send('\x81\x82\x01\x02\x03\x04')
    await until(() => app.text().length === 6)
    const stopped = through.engine.stop()
    await client.until((text) => text.endsWith(`\x82\x01a${AWAY}`))
    client.send('xy\x81\x80')
    await until(() => app.ended() === 'FIN')
    await stopped
    expect(app.text().slice(0, 10)).toBe('\x81\x82\x01\x02\x03\x04xy\x88\x82')
    expect(app.text()).toHaveLength(16)
  })

  test('gets nothing within a message that never ends', async () => {
    const { through, client, app } = await rawJoined('\x82\x05ab')
    await through.engine.stop()
    await client.ended()
    expect(after101(client.text)).toBe('\x82\x05ab')
    expect(app.text()).toMatch(/^\x88\x82[^]{6}$/)
  })

  test('gets nothing more if its app has sent a Close frame itself', async () => {
    const own = '\x88\x02\x03\xe8'
    const { through, client } = await rawJoined(own)
    await through.engine.stop()
    await client.ended()
    expect(after101(client.text)).toBe(own)
  })

  test('without valid frames ends without a Close frame', async () => {
    const { through, client } = await rawJoined('no frames')
    await through.engine.stop()
    await client.ended()
    expect(after101(client.text)).toBe('no frames')
  })

  test('drops what follows its Close frame', async () => {
    const { through, client, app } = await rawJoined('\x81\x01a')
    const stopped = through.engine.stop()
    await client.until((text) => text.endsWith(AWAY))
    client.send('\x81\x81\x00\x00\x00\x00b')
    await stopped
    expect(app.text()).toMatch(/^\x88\x82[^]{6}$/)
  })
})

test('another protocol that is quiet ends by a FIN on both ends, without added bytes', async () => {
  const { through, client, app } = await rawJoined('hello', SWITCHING.replace('websocket', 'chat'))
  client.send('x')
  await until(() => app.text() === 'x')
  await through.engine.stop()
  await client.ended()
  expect([after101(client.text), client.error, app.text(), app.ended()]).toEqual([
    'hello',
    undefined,
    'x',
    'FIN',
  ])
})
