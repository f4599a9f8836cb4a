import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { until } from '../testing/until.ts'
import { mayLeaveUnmasked, TunnelDialler } from './dial.ts'
import type { TunnelLinkError, TunnelStreamError } from './errors.ts'
import { Recorder, TARGET } from './fixture.ts'
import type { TunnelLimits } from './limits.ts'
import { TunnelLink } from './link.ts'
import type { TunnelStream } from './stream.ts'

let server: WebSocketServer
let accepted: TunnelLink[]
let sockets: Socket[]
let dialler: TunnelDialler
let downs: TunnelLinkError[]
let opened: TunnelLink[]
let streams: TunnelStream[]

beforeEach(async () => {
  ;[accepted, sockets, downs, opened, streams] = [[], [], [], [], []]
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => TUNNEL_SUBPROTOCOL })
  await once(server, 'listening')
  server.on('connection', (socket, request) => {
    sockets.push(request.socket)
    const handlers = { onStream: () => {}, onControl: () => {}, onClose: () => {} }
    accepted.push(new TunnelLink(socket, { dialler: false, handlers }))
  })
})
afterEach(() => {
  dialler.stop()
  for (const link of accepted) link.terminate()
  server.close()
})

function dial(port: number, limits: Partial<TunnelLimits> = {}): void {
  dialler = new TunnelDialler({
    url: `ws://127.0.0.1:${port}/tunnel`,
    token: 'secret',
    limits: { backoff: { firstMs: 5, maxMs: 20 }, ...limits },
    onOpen: (link) => void opened.push(link),
    onDown: (error) => void downs.push(error),
    onControl: () => {},
    onStream: (_link, stream) => {
      stream.receiver = new Recorder()
      stream.accept()
      streams.push(stream)
    },
  })
  dialler.start()
}
const portOf = (): number => (server.address() as AddressInfo).port

test('the reason of a close arrives as readable ASCII, within what a Close frame holds', async () => {
  dial(portOf())
  await until(() => accepted.length === 1)
  accepted[0]?.close('protocol', `a cluster’s message: ü\u001b${'x'.repeat(200)}`)
  await until(() => downs.length === 1)
  expect(downs[0]).toMatchObject({
    status: 4002,
    message: `a cluster's message: ??${'x'.repeat(97)}`,
  })
})

describe('a link', () => {
  test('whose socket is destroyed mid-stream ends all streams on both sides, and is dialled again', async () => {
    dial(portOf())
    await until(() => accepted.length === 1)
    const near = [accepted[0]?.open(TARGET), accepted[0]?.open(TARGET)] as TunnelStream[]
    const recorders = near.map((stream) => (stream.receiver = new Recorder()))
    await until(() => recorders.every(({ opened }) => opened))
    near[0]?.write(Buffer.alloc(50_000))
    sockets[0]?.destroy()
    await until(() => recorders.every(({ closes }) => closes === 1))
    expect(recorders.map(({ error }) => (error as TunnelStreamError).fault)).toEqual(['lost', 'lost'])
    await until(() => streams.every(({ closed }) => closed))
    await until(() => accepted.length === 2)
    const again = accepted[1]?.open(TARGET) as TunnelStream
    const recorder = new Recorder()
    again.receiver = recorder
    await until(() => recorder.opened)
    expect(downs).toHaveLength(1)
  })

  test('whose peer does not reply to a ping is closed with 4004', async () => {
    // Accepts the connection and the upgrade, and then sends nothing more.
    const deaf = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false })
    await once(deaf, 'listening')
    const code = new Promise((resolve) => deaf.once('connection', (socket) => socket.once('close', resolve)))
    dial((deaf.address() as AddressInfo).port, { pingMs: 20, pongMs: 30 })
    await until(() => downs.length > 0)
    expect(downs[0]).toMatchObject({ status: 4004, message: 'no response to a ping within 30 ms' })
    expect(await code).toBe(4004)
    dialler.stop()
    for (const client of deaf.clients) client.terminate()
    deaf.close()
  })

  test('that no peer accepts is tried again, and each failure has its reason', async () => {
    const silent = createServer((socket) => void socket.on('error', () => {}).end('HTTP/1.1 401 No\r\n\r\n'))
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    dial((silent.address() as AddressInfo).port)
    await until(() => downs.length >= 3)
    expect(downs[0]).toMatchObject({ code: 'BL_TUNNEL_LINK', status: 401 })
    dialler.stop()
    silent.close()
  })

  test.each([
    ['401 Unauthorized', 401],
    ['503 Unexpected server response: 401', 503],
    ['200 OK', 200],
  ])('that is refused with %s reports the status, whatever the text says', async (line, status) => {
    const refusing = createServer((socket) => {
      socket.on('error', () => {}).end(`HTTP/1.1 ${line}\r\nContent-Length: 0\r\n\r\n`)
    })
    await once(refusing.listen(0, '127.0.0.1'), 'listening')
    dial((refusing.address() as AddressInfo).port)
    await until(() => downs.length > 0)
    expect(downs[0]).toMatchObject({ code: 'BL_TUNNEL_LINK', status })
    dialler.stop()
    refusing.close()
  })

  test('that was stopped is not dialled again', async () => {
    dial(portOf())
    await until(() => opened.length === 1)
    dialler.stop()
    await until(() => accepted[0]?.closed === true)
    expect(accepted).toHaveLength(1)
    expect(downs).toEqual([])
  })
})

test('frames go unmasked only inside TLS and on loopback', () => {
  const unmasked = [
    'wss://relay.example',
    'ws://127.0.0.1:1',
    'ws://127.9.9.9',
    'ws://localhost',
    'ws://[::1]:1',
  ]
  const masked = ['ws://relay.example', 'ws://10.0.0.1', 'ws://127.0.0.1.example', 'ws://localhost.example']
  expect(unmasked.filter((url) => !mayLeaveUnmasked(url))).toEqual([])
  expect(masked.filter((url) => mayLeaveUnmasked(url))).toEqual([])
})
