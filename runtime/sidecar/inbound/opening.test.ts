/** The first bytes of a connection decide its protocol, whenever they arrive. */
import { createServer as createHttpServer } from 'node:http'
import * as http2 from 'node:http2'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Pod, target, World } from '../fixture/world.ts'
import { cleanUp, later } from '../../testing/cleanups.ts'
import { DEAD_PORT } from '../../testing/ports.ts'
import { until } from '../../testing/until.ts'
import type { Reach } from '../../transport/reach.ts'
import { RawConnections } from './tcp.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(async () => {
  await cleanUp()
  await world.close()
})

interface App {
  readonly port: number
  /** Connections that it has accepted, and bytes that it received. */
  accepted: number
  bytes: number
}

/** An app that speaks HTTP/1.1 and HTTP/2 on one port, like Go's and Netty's servers, and responds with its name. */
async function bothApp(name: string): Promise<App> {
  const one = createHttpServer((_request, response) => response.end(`${name} 1.1`))
  const two = http2.createServer()
  two.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    stream.end(`${name} 2`)
  })
  const app = { port: 0, accepted: 0, bytes: 0 }
  const port = await world.tcpApp((socket) => {
    app.accepted++
    socket.once('data', (data: Buffer) => {
      app.bytes += data.length
      socket.pause()
      socket.unshift(data)
      const speaks2 = data.toString('latin1').startsWith('PRI')
      const server = speaks2 ? two : one
      server.emit('connection', socket)
      if (!speaks2) socket.resume()
    })
  })
  return Object.assign(app, { port })
}

/** A client that has connected and sent nothing. */
async function silent(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  socket.on('error', () => {})
  later(() => socket.destroy())
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

const REQUEST = 'GET / HTTP/1.1\r\nhost: a\r\ntracestate: branchline=alice\r\n\r\n'

/** Sends a request in pieces, and returns the body of the response. */
async function askOver(socket: Socket, pieces: readonly string[]): Promise<string> {
  let text = ''
  const read = (data: Buffer): void => void (text += data.toString('latin1'))
  socket.on('data', read)
  for (const piece of pieces) await new Promise((resolve) => void socket.write(piece, 'latin1', resolve))
  await until(() => /\r\n\r\n[^]*\d$/.test(text))
  socket.off('data', read)
  return /\r\n\r\n([^]*)$/.exec(text)?.[1] ?? ''
}

/** One HTTP/2 request over an open socket. */
function askHttp2(socket: Socket, fields: http2.OutgoingHttpHeaders): Promise<string> {
  const session = http2.connect('http://a', { createConnection: () => socket })
  session.on('error', () => {})
  later(() => session.destroy())
  const stream = session.request(fields)
  let text = ''
  stream.on('data', (data: Buffer) => (text += data.toString()))
  return new Promise((resolve) => stream.on('error', () => {}).on('close', () => resolve(text)))
}

type HttpProtocol = 'auto' | 'http' | 'http2' | 'grpc'

async function branchedPod(
  protocol: HttpProtocol,
  drainTimeoutMs = 0,
): Promise<{ pod: Pod; base: App; alice: App }> {
  const [base, alice] = await Promise.all([bothApp('base'), bothApp('alice')])
  const routes = { routes: { alice: target('alice', [alice.port]) } }
  const pod = await world.pod({ appPort: base.port, protocol, routes, config: { drainTimeoutMs } })
  return { pod, base, alice }
}

test('on an undeclared port, a request after a long silence is routed by its key, and so is the next', async () => {
  const { pod, base } = await branchedPod('auto')
  const socket = await silent(pod.port)
  await until(() => base.accepted === 1)
  expect(await askOver(socket, [REQUEST])).toBe('alice 1.1')
  expect(await askOver(socket, ['GET / HTTP/1.1\r\nhost: a\r\n\r\n'])).toBe('base 1.1')
})

test('so is HTTP/2, although its server sends SETTINGS at once', async () => {
  const alice = await bothApp('alice')
  let greeted = 0
  const greeting = await world.tcpApp((socket) => {
    socket.write(Buffer.from('000000040000000000', 'hex'), () => greeted++)
  })
  const routes = { routes: { alice: target('alice', [alice.port]) } }
  const { port } = await world.pod({ appPort: greeting, protocol: 'auto', routes })
  const socket = await silent(port)
  await until(() => greeted === 1)
  expect(await askHttp2(socket, { tracestate: 'branchline=alice' })).toBe('alice 2')
})

test('a request that arrives byte by byte is routed by its key', async () => {
  const { pod } = await branchedPod('auto')
  expect(await askOver(await silent(pod.port), REQUEST.split(''))).toBe('alice 1.1')
})

test('a late request for an override is served even if the app is down', async () => {
  const alice = await bothApp('alice')
  const routes = { routes: { alice: target('alice', [alice.port]) } }
  const limits = { opening: { silenceMs: 1 } }
  const { port } = await world.pod({ appPort: DEAD_PORT, protocol: 'auto', routes, limits })
  const dial = vi.spyOn(RawConnections.prototype, 'dial')
  later(() => dial.mockRestore())
  const socket = await silent(port)
  await until(() => (dial.mock.results[0]?.value as Reach | undefined)?.over === true)
  expect(await askOver(socket, [REQUEST])).toBe('alice 1.1')
})

test('a silent client of an unreachable app is disconnected', async () => {
  const limits = { opening: { silenceMs: 1, firstByteMs: 50 } }
  const { port } = await world.pod({ appPort: DEAD_PORT, protocol: 'auto', limits })
  const socket = await silent(port)
  let ended = false
  socket
    .resume()
    .on('close', () => (ended = true))
    .on('end', () => (ended = true))
  await until(() => ended)
  expect(ended).toBe(true)
})

test('the bytes of a late TLS client reach the app unchanged, on the connection that is already open', async () => {
  const hello = '\x16\x03\x01\x00\x05hello'
  let accepted = 0
  const echo = await world.tcpApp((socket) => {
    accepted++
    socket.pipe(socket)
  })
  const { port } = await world.pod({ appPort: echo, protocol: 'auto' })
  const socket = await silent(port)
  await until(() => accepted === 1)
  let echoed = ''
  socket.on('data', (data: Buffer) => (echoed += data.toString('latin1')))
  socket.end(hello, 'latin1')
  await until(() => echoed === hello)
  expect(accepted).toBe(1)
})

test('a dialogue that the server begins passes in both directions', async () => {
  const smtp = await world.tcpApp((socket) => {
    socket.write('220 mail ESMTP\r\n')
    socket.on('data', (data: Buffer) => socket.end(`250 ${data.toString()}`))
  })
  const { port } = await world.pod({ appPort: smtp, protocol: 'auto' })
  const socket = await silent(port)
  let text = ''
  socket.on('data', (data: Buffer) => (text += data.toString()))
  await until(() => text.includes('220'))
  socket.write('GET / HTTP/1.1\r\n')
  await until(() => text.endsWith('HTTP/1.1\r\n'))
  expect(text).toBe('220 mail ESMTP\r\n250 GET / HTTP/1.1\r\n')
})

test.each([
  ['HTTP, from its beginning', 'GET /slow HTTP', 'HTTP/1.1 408'],
  ['otherwise raw bytes', 'QUIT', 'QUIT'],
])('an endless first line is classified after the timeout: %s', async (_name, line, expected) => {
  const echo = await world.tcpApp((socket) => socket.pipe(socket))
  const limits = { opening: { firstLineMs: 50 }, http: { headMs: 50 } }
  const { port } = await world.pod({ appPort: echo, protocol: 'auto', limits })
  const socket = await silent(port)
  let text = ''
  socket.on('data', (data: Buffer) => (text += data.toString()))
  socket.write(line)
  await until(() => text.length >= expected.length)
  expect(text.slice(0, expected.length)).toBe(expected)
})

test.each(['http', 'http2', 'grpc', 'auto'] as const)(
  'a port named %s serves both versions of an app that speaks both, routed by the key',
  async (protocol) => {
    const { pod, base, alice } = await branchedPod(protocol)
    expect(await askOver(await silent(pod.port), [REQUEST])).toBe('alice 1.1')
    expect(await askHttp2(await silent(pod.port), { tracestate: 'branchline=alice' })).toBe('alice 2')
    expect(await askHttp2(await silent(pod.port), {})).toBe('base 2')
    expect([base.accepted, alice.accepted]).toEqual([1, 2])
  },
)

test('a silent client of a port named http is let go', async () => {
  const { port: appPort } = await bothApp('base')
  const limits = { opening: { firstByteMs: 50 } }
  const { port } = await world.pod({ appPort, protocol: 'http', limits })
  const client = await silent(port)
  client.resume().on('end', () => client.end())
  expect(await until(() => client.closed)).toBe(true)
})

test('one silent client more than the limit is let go at once', async () => {
  const { port: appPort } = await bothApp('base')
  const limits = { opening: { firstByteMs: 600_000, openings: 1 } }
  const { port } = await world.pod({ appPort, protocol: 'http', limits })
  const first = await silent(port)
  const second = connect(port, '127.0.0.1').on('error', () => {})
  await until(() => second.resume().closed)
  expect(first.closed).toBe(false)
})

test('a stopping sidecar serves a request that is on its way on a silent connection', async () => {
  const { pod, base } = await branchedPod('auto', 5_000)
  const socket = await silent(pod.port)
  await until(() => base.accepted === 1)
  const stopped = pod.sidecar.stop()
  expect(await askOver(socket, [REQUEST])).toBe('alice 1.1')
  await stopped
})

test('a first request is routed by its key, however it is split and delayed', async () => {
  const { pod, base } = await branchedPod('auto')
  const cuts = fc.array(fc.integer({ min: 1, max: REQUEST.length - 1 }), { maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(cuts, fc.boolean(), async (at, late) => {
      const socket = await silent(pod.port)
      const before = base.accepted
      if (late) await until(() => base.accepted > before)
      const ends = [0, ...at.toSorted((a, b) => a - b), REQUEST.length]
      const pieces = ends.slice(1).map((end, index) => REQUEST.slice(ends[index], end))
      expect(
        await askOver(
          socket,
          pieces.filter((piece) => piece !== ''),
        ),
      ).toBe('alice 1.1')
      socket.destroy()
    }),
    { numRuns: 40 },
  )
})
