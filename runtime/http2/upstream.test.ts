import { once } from 'node:events'
import { createServer } from 'node:http'
import * as http2 from 'node:http2'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Decision } from '../proxy/decision.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { app, ask, client, frame, FRAME, hop } from './fixture.ts'
import { cleanUp, later } from '../testing/cleanups.ts'
import { listenOn } from '../testing/ports.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const POST = { ':method': 'POST' }
/** tcpmux: no process listens there. */
const DEAD_PORT = 1
const to = (...ports: number[]): Decision => ({
  candidates: ports.map((port) => ({ upstream: tcpUpstream('127.0.0.1', port) })),
})

const echo = (stream: http2.ServerHttp2Stream, _headers?: http2.IncomingHttpHeaders): void => {
  stream.respond({ ':status': 200 })
  stream.pipe(stream)
}

test('candidates are tried in order, with the body', async () => {
  const { port } = await app(echo)
  const { port: at, reports } = await hop(() => to(DEAD_PORT, DEAD_PORT, port))
  expect((await ask(client(at), POST, 'kept')).text).toBe('kept')
  await until(() => reports.length === 1)
  expect(reports[0]?.candidate).toBe(2)
})

test('an app that speaks only HTTP/1.1 is skipped, or is a clear 502', async () => {
  const server = createServer((_request, response) => response.end('one')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  later(() => server.close())
  const { port: old } = server.address() as AddressInfo
  const { port } = await app(echo)
  const { port: at } = await hop((head) => (head.target === '/both' ? to(old, port) : to(old)))
  const session = client(at)
  expect((await ask(session, { ...POST, ':path': '/both' }, 'kept')).text).toBe('kept')
  const response = await ask(session, POST, 'lost')
  expect(response.headers[':status']).toBe(502)
  expect(response.text).toContain('does not speak HTTP/2')
  const call = await ask(session, { ...POST, 'content-type': 'application/grpc+proto' }, 'lost')
  expect(call.headers).toMatchObject({
    ':status': 200,
    'content-type': 'application/grpc',
    'grpc-status': '14',
  })
  expect(call.headers['grpc-message']).toContain('does not speak HTTP/2')
})

test('an upstream that accepts and sends nothing gets its time, and is then skipped', async () => {
  const server = createTcpServer(() => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  later(() => server.close())
  const { port: mute } = server.address() as AddressInfo
  const { port } = await app(echo)
  const limits = { upstreamHelloMs: 100 }
  const { port: at } = await hop((head) => (head.target === '/both' ? to(mute, port) : to(mute)), { limits })
  const session = client(at)
  expect((await ask(session, { ':path': '/both' })).headers[':status']).toBe(200)
  expect((await ask(session)).headers[':status']).toBe(504)
})

test('a stream that an upstream refuses goes to the next one, with a body while it is kept', async () => {
  const refusing = await app((stream) => {
    stream.once('data', () => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM))
  })
  const { port } = await app(echo)
  const { port: at } = await hop(() => to(refusing.port, port))
  expect((await ask(client(at), POST, 'small')).text).toBe('small')
})

test('a request that is no longer kept and was not processed is a 503 that says so', async () => {
  const refusing = await app((stream) => {
    stream.once('data', () => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM))
  })
  // The body is longer than what is kept of it when GOAWAY arrives, whose last stream id is 0.
  const leaving = createTcpServer((socket) => {
    let bytes = 0
    socket.on('error', () => {}).write(frame(FRAME.settings, 0, 0))
    socket.on('data', (data) => {
      bytes += data.length
      if (bytes > 40_000) socket.end(frame(FRAME.goaway, 0, 0, Buffer.alloc(8)))
    })
  })
  later(() => leaving.close())
  for (const port of [refusing.port, await listenOn(leaving)]) {
    const { port: at, reports } = await hop(port)
    const { headers, text } = await ask(client(at), POST, Buffer.alloc(200_000))
    expect(headers).toMatchObject({ ':status': 503 })
    expect(text).toContain(
      'the upstream did not process the request, and the request could not be sent again',
    )
    expect((await until(() => reports[0])).error?.code).toBe('BL_HTTP_UPSTREAM_UNPROCESSED')
  }
})

test('an upstream that sends GOAWAY loses no request', async () => {
  let served = 0
  const { port, sessions } = await app((stream, headers) => {
    // Every tenth response is the last one of its connection.
    if (++served % 10 === 0) for (const session of sessions) session.close()
    echo(stream, headers)
  })
  const session = client((await hop(port)).port)
  for (let round = 0; round < 20; round++) {
    const responses = await Promise.all(
      Array.from({ length: 10 }, (_, index) => ask(session, POST, `${round}.${index}`)),
    )
    expect(responses.map(({ text }) => text)).toEqual(responses.map((_, index) => `${round}.${index}`))
  }
})

test('more connections are opened if an upstream allows few streams, up to the limit', async () => {
  const waiting: http2.ServerHttp2Stream[] = []
  const { port, sessions } = await app((stream) => void waiting.push(stream), { maxConcurrentStreams: 2 })
  const { port: at } = await hop(port, { limits: { poolSessions: 3 } })
  const session = client(at)
  const responses = Array.from({ length: 7 }, () => ask(session))
  await until(() => waiting.length === 6)
  expect(sessions.size).toBe(3)
  expect((await Promise.race(responses)).headers[':status']).toBe(503)
  for (const stream of waiting) stream.respond({ ':status': 200 }, { endStream: true })
  const statuses = (await Promise.all(responses)).map(({ headers }) => Number(headers[':status']))
  expect(statuses.filter((status) => status === 200)).toHaveLength(6)
})

test('the otherwise of a decision is called when no candidate serves', async () => {
  const { port } = await app(echo)
  const { port: at } = await hop(() => ({
    candidates: [{ upstream: tcpUpstream('127.0.0.1', DEAD_PORT) }],
    otherwise: async () => to(port),
  }))
  expect((await ask(client(at), POST, 'kept')).text).toBe('kept')
})
