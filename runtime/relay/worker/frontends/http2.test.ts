/** Visitors of HTTP/2 with prior knowledge, on the port of HTTP/1.1: all that holds for HTTP/1.1 holds for them. */
import { once } from 'node:events'
import { connect, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { ServerResponse } from 'node:http'
import * as net from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'
import { appFor, relayFor, visit } from '../../fixture.ts'
import { previewOf, TestCluster } from '../../fixture-cluster.ts'
import { ALICE, ask, askEcho, clientOf, echoApp, http2App, relayTo, responseOf } from './fixture.ts'

afterEach(cleanUp)

test('requests of both versions arrive on one port, and carry the key of the host alone', async () => {
  const { relay } = await relayTo(await echoApp())
  const session = clientOf(relay.httpPort)
  const seen = await askEcho(session, {
    ':path': '/a?b=c',
    tracestate: 'branchline=bob,other=1',
    baggage: 'branchline=bob',
    'x-forwarded-for': '203.0.113.9',
    forwarded: 'for=203.0.113.9',
    'x-forwarded-host': 'evil',
    cookie: ['a=1', 'b=2'],
  })
  expect(seen).toMatchObject({ method: 'GET', url: '/a?b=c', httpVersion: '1.1' })
  expect(seen.headers).toMatchObject({
    host: ALICE,
    tracestate: 'branchline=alice,other=1',
    baggage: 'branchline=alice',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': ALICE,
    forwarded: `for=127.0.0.1;host="${ALICE}";proto=http`,
    cookie: 'a=1; b=2',
  })
  expect(seen.headers['traceparent']).toMatch(/^00-/)
  const first = await visit(relay.httpPort, { host: ALICE })
  expect(JSON.parse(first.body)).toMatchObject({ httpVersion: '1.1' })
})

test('a preface that arrives byte by byte is recognised', async () => {
  const { relay } = await relayTo(await echoApp())
  const socket = net.connect(relay.httpPort, '127.0.0.1').setNoDelay()
  later(() => void socket.destroy())
  await once(socket, 'connect')
  for (const byte of Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')) {
    socket.write(Buffer.of(byte))
    await new Promise(setImmediate)
  }
  // An empty SETTINGS. The server's own SETTINGS come first.
  socket.write(Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0))
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  expect(bytes[3]).toBe(4)
})

test('a body, its trailers and the response’s trailers pass, without refused trailers', async () => {
  const { endpoint } = await appFor(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    response.writeHead(200, { trailer: 'x-sum' })
    response.write(JSON.stringify({ body, trailers: request.trailers }))
    response.addTrailers({ 'x-sum': '42' })
    response.end()
  })
  const { relay } = await relayTo(endpoint)
  const stream = clientOf(relay.httpPort).request(
    { ':authority': ALICE, ':method': 'POST' },
    { waitForTrailers: true },
  )
  stream.on('wantTrailers', () =>
    stream.sendTrailers({
      'x-end': 'yes',
      tracestate: 'branchline=bob',
      baggage: 'branchline=bob',
      x_forwarded_for: '1',
    }),
  )
  stream.end('hello')
  const { text, trailers } = await responseOf(stream)
  expect(JSON.parse(text)).toEqual({ body: 'hello', trailers: { 'x-end': 'yes' } })
  expect(trailers).toMatchObject({ 'x-sum': '42' })
})

test('an unknown host, a preview that is not public and the domain itself get their pages', async () => {
  const relay = await relayFor()
  await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice', 'token')])
  const session = clientOf(relay.httpPort)
  const accept = 'application/json'
  const unknown = await ask(session, { ':authority': 'nothing.localhost', accept })
  expect([unknown.headers[':status'], jsonOf(unknown)['reason']]).toEqual([404, 'unknown-host'])
  const closed = await ask(session, { accept })
  expect([closed.headers[':status'], jsonOf(closed)['reason']]).toEqual([401, 'access'])
  const index = await ask(session, { ':authority': 'localhost', accept })
  expect([index.headers[':status'], jsonOf(index)['previews']]).toEqual([
    200,
    'http://<preview>--<environment>.localhost:8080',
  ])
})

test('an app that does not respond is a problem that names service and environment', async () => {
  const { relay } = await relayTo('127.0.0.1:1')
  const { headers, text } = await ask(clientOf(relay.httpPort), { accept: 'application/json' })
  expect(headers[':status']).toBe(502)
  expect(JSON.parse(text)).toMatchObject({ service: 'web', environment: 'alice' })
})

test('the limits of an address and of a preview count streams', async () => {
  const slow: ServerResponse[] = []
  const { endpoint } = await appFor((_request, response) => void slow.push(response))
  const { relay } = await relayTo(endpoint, { limits: { requestsPerAddress: 2, requestsPerPreview: 3 } })
  const session = clientOf(relay.httpPort)
  const waiting = [ask(session), ask(session)]
  await until(() => slow.length === 2)
  const busy = await ask(session, { accept: 'application/json' })
  expect([busy.headers[':status'], jsonOf(busy)['reason']]).toEqual([503, 'visitor-busy'])
  const other = net.connect({ port: relay.httpPort, host: '127.0.0.1', localAddress: '127.0.0.2' })
  const second = connect('http://x', { createConnection: () => other }).on('error', () => {})
  later(() => second.destroy())
  waiting.push(ask(second))
  await until(() => slow.length === 3)
  const full = await ask(second, { accept: 'application/json' })
  expect(jsonOf(full)['reason']).toBe('preview-busy')
  for (const response of slow.splice(0)) response.end('ok')
  for (const { text } of await Promise.all(waiting)) expect(text).toBe('ok')
  const again = ask(session)
  await until(() => slow.length === 1)
  slow[0]?.end('free')
  expect((await again).text).toBe('free')
})

test('connections of both versions count towards the limit of an address', async () => {
  const { relay } = await relayTo(await echoApp(), { limits: { connectionsPerAddress: 2 } })
  const session = clientOf(relay.httpPort)
  await askEcho(session)
  // A connection that has sent nothing counts as well.
  const silent = net.connect(relay.httpPort, '127.0.0.1')
  later(() => void silent.destroy())
  await once(silent, 'connect')
  await until(async () => {
    const third = net.connect(relay.httpPort, '127.0.0.1').on('error', () => {})
    const closed = await new Promise((resolve) => {
      third.on('close', () => resolve(true)).on('connect', () => setTimeout(() => resolve(false), 200))
    })
    third.destroy()
    return closed
  })
  silent.destroy()
  const status = await until(async () => {
    try {
      return (await visit(relay.httpPort, { host: ALICE })).status
    } catch {
      return undefined
    }
  })
  expect(status).toBe(200)
})

test('streams wait for a cluster that has just left, and a cancelled one is not counted twice', async () => {
  const endpoint = await echoApp()
  const limits = { hold: { holdMs: 20_000, held: 10 }, requestsPerAddress: 2 }
  const { relay, cluster } = await relayTo(endpoint, { limits })
  const session = clientOf(relay.httpPort)
  await askEcho(session)
  cluster.dialler.stop()
  await until(async () => {
    const probe = session.request({ ':authority': ALICE }).on('error', () => {})
    const first = await Promise.race([
      once(probe, 'response').then(() => 'served'),
      tick(50).then(() => 'held'),
    ])
    probe.close(8)
    return first === 'held'
  })
  const kept = askEcho(session)
  const left = session.request({ ':authority': ALICE }).on('error', () => {})
  await new Promise((resolve) => session.ping(resolve))
  left.close(8)
  await once(left, 'close')
  await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
  expect((await kept).method).toBe('GET')
  // If the cancelled stream were still counted, or had been released twice, one of these would be refused or the
  // fourth accepted.
  const both = await Promise.all([ask(session), ask(session)])
  expect(both.map(({ headers }) => headers[':status'])).toEqual([200, 200])
})

const jsonOf = ({ text }: { readonly text: string }): Record<string, unknown> =>
  JSON.parse(text) as Record<string, unknown>

const tick = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test('a gRPC call goes to the app as HTTP/2, with its trailers and in both directions', async () => {
  const heads: IncomingHttpHeaders[] = []
  const { endpoint, sessions } = await http2App((stream, headers) => {
    heads.push(headers)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '5', 'grpc-message': 'none' }))
    stream.pipe(stream)
  })
  const { relay } = await relayTo(endpoint)
  const session = clientOf(relay.httpPort)
  const call = {
    ':method': 'POST',
    'content-type': 'application/grpc',
    te: 'trailers',
    ':path': '/test.Echo/Say',
  }
  const stream = session.request({ ':authority': ALICE, ...call, tracestate: 'branchline=bob' })
  const done = responseOf(stream)
  stream.write('one')
  expect(String((await once(stream, 'data'))[0])).toBe('one')
  stream.write('two')
  expect(String((await once(stream, 'data'))[0])).toBe('two')
  stream.end()
  const { trailers, text } = await done
  expect([text, trailers['grpc-status'], trailers['grpc-message']]).toEqual(['onetwo', '5', 'none'])
  expect(heads[0]).toMatchObject({ ':authority': ALICE, tracestate: 'branchline=alice', te: 'trailers' })
  // Calls share one connection to the app.
  await Promise.all(Array.from({ length: 20 }, () => ask(session, call, 'x')))
  expect(sessions.size).toBe(1)
})

test('a cancelled call reaches the app, and a lost cluster ends a call as UNAVAILABLE', async () => {
  const codes: number[] = []
  const streams: ServerHttp2Stream[] = []
  const { endpoint } = await http2App((stream) => {
    streams.push(stream)
    stream.on('close', () => codes.push(stream.rstCode))
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
  })
  const { relay, cluster } = await relayTo(endpoint)
  const session = clientOf(relay.httpPort)
  const call = { ':authority': ALICE, ':method': 'POST', 'content-type': 'application/grpc' }
  const cancelled = session.request(call).on('error', () => {})
  await once(cancelled, 'response')
  cancelled.close(8)
  await until(() => codes.length === 1)
  expect(codes).toEqual([8])
  const lost = session.request(call)
  const done = responseOf(lost)
  await once(lost, 'response')
  cluster.dialler.stop()
  expect((await done).trailers['grpc-status']).toBe('14')
})

test('a call to an unknown host, and one that nothing serves, gets a status of gRPC', async () => {
  const { relay } = await relayTo('127.0.0.1:1')
  const session = clientOf(relay.httpPort)
  const call = { ':method': 'POST', 'content-type': 'application/grpc' }
  const unknown = await ask(session, { ...call, ':authority': 'nothing.localhost' }, 'x')
  expect(unknown.headers).toMatchObject({ ':status': 200, 'grpc-status': '12' })
  const dead = await ask(session, call, 'x')
  expect(dead.headers).toMatchObject({ ':status': 200, 'grpc-status': '14' })
  expect(String(dead.headers['grpc-message'])).toContain('web of the environment alice')
})

test('a stopping relay finishes running streams', async () => {
  const slow: ServerResponse[] = []
  const { endpoint } = await appFor((_request, response) => void slow.push(response))
  const { relay } = await relayTo(endpoint)
  const running = ask(clientOf(relay.httpPort))
  await until(() => slow.length === 1)
  const stopped = relay.stop()
  slow[0]?.end('done')
  expect((await running).text).toBe('done')
  await stopped
})
