import { once } from 'node:events'
import * as http2 from 'node:http2'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import type { Route } from '../proxy/decision.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { responseOf, app, ask, client, frame, FRAME, GET, hop, literals, RawClient } from './fixture.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

function* split(body: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size)
}

const POST = { ':method': 'POST' }
const echo = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void => {
  stream.respond({ ':status': 200, 'x-headers': JSON.stringify(headers) })
  stream.pipe(stream)
}
const seen = (headers: http2.IncomingHttpHeaders): Record<string, unknown> =>
  JSON.parse(String(headers['x-headers'])) as Record<string, unknown>

test('a head passes as received, with edits in both directions and without fields for one hop', async () => {
  const { port } = await app(echo)
  const route: Route = () => ({
    candidates: [
      {
        upstream: tcpUpstream('127.0.0.1', port),
        edits: { remove: ['x-gone'], removePrefix: ['x-all-'], set: [['x-set', 'new']] },
        responseEdits: { set: [['x-edited', 'edited']] },
      },
    ],
  })
  const response = await ask(client((await hop(route)).port), {
    ':method': 'PUT',
    ':path': '/a?b=c',
    ':authority': 'api:80',
    'x-gone': '1',
    'x-all-a': '1',
    'x-set': 'old',
    'proxy-authorization': 'secret',
    'x-kept': ['a', 'b'],
    cookie: ['a=1', 'b=2'],
    te: 'trailers',
  })
  expect(response.headers).toMatchObject({ ':status': 200, 'x-edited': 'edited' })
  expect(seen(response.headers)).toEqual({
    ':method': 'PUT',
    ':scheme': 'http',
    ':authority': 'api:80',
    ':path': '/a?b=c',
    'x-set': 'new',
    'x-kept': 'a, b',
    cookie: 'a=1; b=2',
    te: 'trailers',
  })
})

test('a request whose body turns out to be empty ends', async () => {
  const { port } = await app(echo)
  const through = client((await hop(port)).port)
  expect((await ask(through, POST, '')).headers[':status']).toBe(200)
  // The end comes after the upstream is connected.
  const stream = through.request(POST)
  const response = responseOf(stream)
  await new Promise((resolve) => stream.session?.ping(resolve))
  stream.end()
  expect((await response).headers[':status']).toBe(200)
})

test('the route sees method, target, host and fields', async () => {
  const heads: string[] = []
  const { port } = await hop((head) => {
    heads.push([head.method, head.target, head.host, head.get('x-a'), head.get('x-b')].join(' '))
    return { status: 204 }
  })
  const response = await ask(client(port), {
    ':path': '/p',
    ':authority': 'api.shop',
    'x-a': ['1', '2'],
  })
  expect(heads).toEqual(['GET /p api.shop 1, 2 '])
  expect(response.headers[':status']).toBe(204)
})

test('trailers and interim responses pass in both directions', async () => {
  const trailers: http2.IncomingHttpHeaders[] = []
  const { port } = await app((stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a.css>' })
    stream.on('trailers', (fields) => trailers.push(fields)).resume()
    stream.on('end', () => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': ['1', '2'] }))
      stream.end('body')
    })
  })
  const stream = client((await hop(port)).port).request(POST, { waitForTrailers: true })
  const interim: http2.IncomingHttpHeaders[] = []
  stream.on('headers', (fields) => interim.push(fields))
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-check': 'abc' }))
  stream.end('sent')
  const response = await responseOf(stream)
  expect(interim).toMatchObject([{ ':status': 103, link: '</a.css>' }])
  expect(trailers).toMatchObject([{ 'x-check': 'abc' }])
  expect(response).toMatchObject({ text: 'body', trailers: { 'x-sum': '1, 2' } })
})

test('an edit covers every name that a CGI-style server reads as it, and refused trailers are dropped', async () => {
  const trailers: http2.IncomingHttpHeaders[] = []
  const { port } = await app((stream, headers) => {
    stream.on('trailers', (fields) => trailers.push(fields)).resume()
    stream.on('end', () =>
      stream.respond({ ':status': 200, 'x-headers': JSON.stringify(headers) }, { endStream: true }),
    )
  })
  const edits = { remove: ['x-gone'], removePrefix: ['x-all-'], set: [['x-request-id', 'ours']] as const }
  const route: Route = () => ({ candidates: [{ upstream: tcpUpstream('127.0.0.1', port), edits }] })
  const { port: hopPort } = await hop(route, { refusesTrailer: (name) => name === 'x-secret' })
  const fields = { x_gone: '1', 'x.all_a': '1', x_request_id: 'theirs', x_kept: '1' }
  const stream = client(hopPort).request({ ...POST, ...fields }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-secret': '1', 'x-check': 'abc' }))
  stream.end('sent')
  const arrived = seen((await responseOf(stream)).headers)
  expect(arrived).toMatchObject({ x_kept: '1', 'x-request-id': 'ours' })
  expect(Object.keys(arrived).filter((name) => /gone|all|_request/.test(name))).toEqual([])
  expect(trailers).toMatchObject([{ 'x-check': 'abc' }])
  expect(trailers[0]).not.toHaveProperty('x-secret')
})

test.each(['HEAD', 'GET'])('%s: a response without a body ends with its head', async (method) => {
  const { port } = await app((stream) => {
    stream.respond({ ':status': method === 'HEAD' ? 200 : 304, 'content-length': 10 }, { endStream: true })
  })
  const { port: at, reports } = await hop(port)
  const response = await ask(client(at), { ':method': method })
  expect(response).toMatchObject({ headers: { 'content-length': '10' }, text: '' })
  await until(() => reports.length === 1)
  expect(reports[0]?.error).toBeUndefined()
})

test('bodies of 32 MiB pass in both directions at once, unchanged', async () => {
  const { port } = await app((stream) => {
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  const { port: at, reports } = await hop(port)
  const stream = client(at).request(POST)
  const body = Buffer.alloc(32 * 1024 * 1024)
  for (let index = 0; index < body.length; index += 4) body.writeUInt32LE(index, index)
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  Readable.from(split(body, 100_000)).pipe(stream)
  await once(stream, 'end')
  expect(Buffer.concat(chunks).equals(body)).toBe(true)
  await until(() => reports.length === 1)
  expect(reports[0]).toMatchObject({ requestBytes: body.length, responseBytes: body.length, status: 200 })
})

test('a slow upstream pauses the client that sends to it', async () => {
  const { port } = await app((stream) => stream.respond({ ':status': 200 }))
  const stream = client((await hop(port)).port).request(POST)
  stream.on('error', () => {})
  let sent = 0
  const part = Buffer.alloc(16 * 1024)
  const more = (): void => {
    while (sent < 64 * 1024 * 1024) {
      sent += part.length
      if (!stream.write(part)) return void stream.once('drain', more)
    }
  }
  more()
  let before = -1
  while (before !== sent) {
    before = sent
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  expect(sent).toBeLessThan(1024 * 1024)
})

test('a reset by the upstream passes on with its code', async () => {
  const { port } = await app((stream, { ':path': path }) => {
    if (path === '/late') {
      // Without it, Node ends a stream before it resets it.
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.write('part')
      stream.once('data', () => stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM))
    } else stream.close(http2.constants.NGHTTP2_INADEQUATE_SECURITY)
  })
  const session = client((await hop(port)).port)
  expect((await ask(session, { ':path': '/' })).rstCode).toBe(http2.constants.NGHTTP2_INADEQUATE_SECURITY)
  const late = session.request({ ...POST, ':path': '/late' })
  late.on('data', () => late.write('go'))
  expect((await responseOf(late)).rstCode).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
})

test('a reset by the client reaches the upstream with its code', async () => {
  const codes: (number | undefined)[] = []
  const { port } = await app((stream) => {
    stream.respond({ ':status': 200 })
    stream.write('part')
    stream.on('close', () => codes.push(stream.rstCode))
  })
  const { port: at, engine } = await hop(port)
  const stream = client(at).request(POST)
  stream.on('error', () => {})
  await once(stream, 'data')
  stream.close(http2.constants.NGHTTP2_CONNECT_ERROR)
  await until(() => codes.length === 1 && engine.streams === 0)
  expect(codes).toEqual([http2.constants.NGHTTP2_CONNECT_ERROR])
})

test('a client that goes away cancels its streams at the upstream', async () => {
  const codes: (number | undefined)[] = []
  const { port } = await app((stream) => {
    stream.respond({ ':status': 200 })
    stream.write('part')
    stream.on('close', () => codes.push(stream.rstCode))
  })
  const { port: at, engine } = await hop(port)
  const socket = connect(at, '127.0.0.1')
  const stream = client(at, socket).request(POST)
  stream.on('error', () => {})
  await once(stream, 'data')
  socket.destroy()
  await until(() => codes.length === 1 && engine.connections === 0 && engine.streams === 0)
  expect(codes).toEqual([http2.constants.NGHTTP2_CANCEL])
})

test('a request that its client resets with "no error" never looks complete', async () => {
  const ends: string[] = []
  const { port } = await app((stream) => {
    stream.on('data', () => {})
    stream.on('end', () => ends.push(stream.aborted ? 'aborted' : 'complete'))
    stream.on('aborted', () => ends.push('aborted'))
  })
  const { port: at } = await hop(port)
  const client = new RawClient(at)
  client.send(
    frame(FRAME.headers, 4, 1, literals({ ...GET, ':method': 'POST' })),
    frame(FRAME.data, 0, 1, 'half'),
  )
  await until(() => client.of(FRAME.settings).length === 2)
  client.send(frame(FRAME.rstStream, 0, 1, Buffer.alloc(4)))
  await until(() => ends.length > 0)
  expect(ends).not.toContain('complete')
})

test('an upstream that dies within its response leaves it visibly incomplete', async () => {
  const { port, die } = await app((stream) => {
    stream.respond({ ':status': 200 })
    stream.write('part')
  })
  const { port: at, reports } = await hop(port)
  const client = new RawClient(at)
  client.send(frame(FRAME.headers, 4, 1, literals({ ...GET, ':method': 'POST' })))
  await until(() => client.of(FRAME.data).length === 1)
  die()
  await until(() => client.of(FRAME.rstStream).length === 1)
  expect(client.of(FRAME.rstStream)[0]?.payload.readUInt32BE()).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR)
  // Nothing says that the response is complete: no END_STREAM.
  expect(client.frames.filter(({ streamId, flags }) => streamId === 1 && (flags & 1) === 1)).toEqual([])
  await until(() => reports.length === 1)
  expect(reports[0]?.error?.code).toBe('BL_HTTP_UPSTREAM_CLOSED')
})

test('an early response ends an upload that the app does not read', async () => {
  const { port } = await app((stream) => {
    stream.respond({ ':status': 413 })
    stream.end('too much')
  })
  const { port: at, engine } = await hop(port, { limits: { lingerMs: 50 } })
  const stream = client(at).request(POST)
  stream.write('x')
  const response = await responseOf(stream)
  expect(response).toMatchObject({ headers: { ':status': 413 }, text: 'too much', rstCode: 0 })
  await until(() => engine.streams === 0)
})

test('a route that throws causes a 500, and a failure may have its own response', async () => {
  const { port } = await hop(
    () => {
      throw new Error('no')
    },
    { failure: (error) => ({ status: error.status, headers: [['X-Why', error.code]], body: 'oh' }) },
  )
  const response = await ask(client(port))
  expect(response).toMatchObject({ headers: { ':status': 500, 'x-why': 'BL_HTTP_ROUTE_FAILED' }, text: 'oh' })
})

test.each([
  ['upstreamResponseMs', 504, {}],
  ['requestProgressMs', 408, { body: true }],
] as const)('%s ends a request with %i', async (limit, status, { body = false }: { body?: boolean }) => {
  const { port } = await app(() => {})
  const { port: at } = await hop(port, { limits: { [limit]: 50, lingerMs: 50 } })
  const stream = client(at).request(POST, { endStream: !body })
  if (body) stream.write('x')
  expect((await responseOf(stream)).headers[':status']).toBe(status)
})

test('a response that stalls is cut off, and a call only after a longer time', async () => {
  const { port } = await app((stream) => {
    stream.respond({ ':status': 200 })
    stream.write('part')
  })
  const { port: at } = await hop(port, { limits: { responseProgressMs: 50, callIdleMs: 300 } })
  const session = client(at)
  const startedAt = performance.now()
  expect((await ask(session)).rstCode).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR)
  const call = await ask(session, { ...POST, 'content-type': 'application/grpc' }, '')
  expect(call.trailers['grpc-status']).toBe('14')
  expect(performance.now() - startedAt).toBeGreaterThan(350)
})

test('stop announces itself, finishes running streams, and refuses new ones', async () => {
  const running: http2.ServerHttp2Stream[] = []
  const { port } = await app((stream) => void running.push(stream))
  const { port: at, engine } = await hop(port, { limits: { drainIdleMs: 50, drainMs: 5_000 } })
  const session = client(at)
  const goaways: number[] = []
  session.on('goaway', (_code: number, lastStreamId: number) => goaways.push(lastStreamId))
  const first = ask(session)
  await until(() => running.length === 1)
  const stopped = engine.stop()
  await until(() => goaways.length > 0)
  expect(goaways[0]).toBe(2 ** 31 - 1)
  for (const stream of running) {
    stream.respond({ ':status': 200 })
    stream.end('done')
  }
  expect((await first).text).toBe('done')
  await stopped
  expect([engine.connections, engine.streams]).toEqual([0, 0])
})

test('stop cuts off remaining streams after its time', async () => {
  const { port } = await app(() => {})
  const { port: at, engine } = await hop(port, { limits: { drainIdleMs: 1, drainMs: 100 } })
  const response = ask(client(at))
  await until(() => engine.streams === 1)
  await engine.stop()
  expect((await response).headers[':status']).toBeUndefined()
  expect([engine.connections, engine.streams]).toEqual([0, 0])
})

test('an idle connection gets a GOAWAY, on both sides', async () => {
  const { port, sessions } = await app(echo)
  const { port: at, engine } = await hop(port, { limits: { idleMs: 50, poolIdleMs: 50 } })
  const session = client(at)
  await ask(session)
  await until(() => session.closed && engine.connections === 0)
  await until(() => engine.upstreamConnections === 0 && sessions.size === 0)
  expect(session.closed).toBe(true)
})
