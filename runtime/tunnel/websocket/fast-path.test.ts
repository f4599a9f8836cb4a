import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { encodeControl, encodeOpen } from '@branchline/wire/tunnel/frame'
import { TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { until } from '../../testing/until.ts'
import { handleWrites } from '../../transport/node-private.ts'
import { Recorder, TARGET } from '../fixture.ts'
import { TunnelLink } from '../link.ts'
import type { TunnelStream } from '../stream.ts'
import { FastPath } from './fast-path.ts'

let server: WebSocketServer
let links: TunnelLink[]
let streams: { stream: TunnelStream; recorder: Recorder }[]
let controls: string[]
let clients: (WebSocket | Socket)[]

const handlers = {
  onStream: (_link: unknown, stream: TunnelStream) => {
    const recorder = new Recorder()
    stream.receiver = recorder
    stream.accept()
    streams.push({ stream, recorder })
  },
  onControl: (_link: unknown, payload: Buffer) => void controls.push(payload.toString()),
  onClose: () => {},
}

beforeEach(async () => {
  ;[links, streams, controls, clients] = [[], [], [], []]
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => TUNNEL_SUBPROTOCOL })
  await once(server, 'listening')
  server.on('connection', (socket) => links.push(new TunnelLink(socket, { dialler: false, handlers })))
})
afterEach(() => {
  handleWrites.wanted = true
  for (const client of clients) {
    if (client instanceof WebSocket) client.terminate()
    else client.destroy()
  }
  for (const link of links) link.terminate()
  server.close()
})

const port = (): number => (server.address() as AddressInfo).port

async function open(): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${port()}/tunnel`, TUNNEL_SUBPROTOCOL)
  clients.push(client)
  client.on('error', () => {})
  await once(client, 'open')
  return client
}

describe.each([
  ['zero masks', true, true],
  ['random masks', false, true],
  ['the public way to write', true, false],
])('a link with %s', (_name, unmasked, wanted) => {
  test('carries megabytes in both directions, with pings in between', async () => {
    handleWrites.wanted = wanted
    const client = await open()
    const far = new TunnelLink(client, { dialler: true, unmasked, handlers })
    const near = far.open(TARGET)
    const recorder = new Recorder()
    near.receiver = recorder
    await until(() => recorder.opened && streams.length === 1)
    const peer = streams[0] as (typeof streams)[number]
    const text = Array.from({ length: 300_000 }, (_, index) => String(index)).join(' ')
    near.write(text)
    peer.stream.write(text)
    let pongs = 0
    client.on('pong', () => pongs++)
    client.ping('are you there')
    await until(() => peer.recorder.bytes === text.length && recorder.bytes === text.length && pongs === 1)
    expect(peer.recorder.text === text).toBe(true)
    expect(recorder.text === text).toBe(true)
    near.end()
    peer.stream.end()
    await until(() => recorder.closes === 1 && peer.recorder.closes === 1)
  })
})

test('plain sockets use the path, on both sides: their private parts are as expected', async () => {
  const sink = { part: () => {}, end: () => {} }
  const client = await open()
  expect(FastPath.of(client, { dialler: true, unmasked: true, sink })).toBeInstanceOf(FastPath)
  const accepted = [...server.clients][0] as WebSocket
  // The link of the server has taken it already, so no other link can.
  expect(FastPath.of(accepted, { dialler: false, unmasked: false, sink })).toBeUndefined()
})

test('fragments of another implementation are put together', async () => {
  const client = await open()
  const message = encodeControl({ type: 'goaway', reason: 'x'.repeat(1000) })
  client.send(message.subarray(0, 5), { fin: false, binary: true })
  client.send(message.subarray(5, 500), { fin: false, binary: true })
  client.send(message.subarray(500), { fin: true, binary: true })
  await until(() => controls.length === 1)
  expect(controls[0]).toContain('xxx')
})

test.each([
  ['a text message', 4002, (client: WebSocket) => client.send('text')],
  [
    'a frame that ends too early',
    4002,
    (client: WebSocket) => client.send(encodeOpen(1, TARGET).subarray(0, 20)),
  ],
  ['data beyond the limit of a message', 1009, (client: WebSocket) => client.send(Buffer.alloc(5_000_000))],
])('%s closes the link with %i', async (_name, code, send) => {
  server.options.maxPayload = 4_456_448
  const client = await open()
  send(client)
  const [closed] = (await once(client, 'close')) as [number]
  expect(closed).toBe(code)
})

test('frames that arrive together with the request for the upgrade are not lost', async () => {
  const socket = connect({ port: port(), host: '127.0.0.1' })
  clients.push(socket)
  const payload = encodeControl({ type: 'goaway', reason: 'early' })
  const frame = Buffer.concat([Buffer.from([0x82, 0x80 | payload.length, 0, 0, 0, 0]), payload])
  const request =
    `GET /tunnel HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n` +
    `Sec-WebSocket-Protocol: ${TUNNEL_SUBPROTOCOL}\r\n\r\n`
  // One and a half frames with the request, the rest later.
  socket.write(Buffer.concat([Buffer.from(request), frame, frame.subarray(0, 9)]))
  await until(() => controls.length === 1)
  socket.write(frame.subarray(9))
  await until(() => controls.length === 2)
  expect(controls.every((text) => text.includes('early'))).toBe(true)
})
