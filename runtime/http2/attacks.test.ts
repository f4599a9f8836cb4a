/**
 * Attacks that cost a client only a few bytes: rapid reset (CVE-2023-44487), CONTINUATION floods (CVE-2024-27316 and
 * similar), PING and SETTINGS floods (CVE-2019-9512, 9515), heads without end, windows that never open (CVE-2019-9511,
 * 9517), and requests that another parser reads differently. In each case the attacker loses its stream or its
 * connection, its work at the upstream is limited, and other clients are served.
 */
import { connect } from 'node:net'
import { constants } from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import type { Http2Limits } from './limits.ts'
import { app, ask, client, frame, FRAME, GET, hop, type Hop, literals, RawClient } from './fixture.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const END_HEADERS = 4
const END_BOTH = 5

const hopTo = async (limits: Partial<Http2Limits> = {}): Promise<Hop & { served: () => number }> => {
  let served = 0
  const { port } = await app((stream) => {
    served++
    stream.respond({ ':status': 200 }, { endStream: true })
  })
  return { ...(await hop(port, { limits })), served: () => served }
}
const stillServes = async ({ port }: Hop): Promise<void> => {
  expect((await ask(client(port))).headers[':status']).toBe(200)
}
const request = (streamId: number, fields: Record<string, string> = GET): Buffer =>
  frame(FRAME.headers, END_BOTH, streamId, literals(fields))
const reset = (streamId: number): Buffer => frame(FRAME.rstStream, 0, streamId, Buffer.from([0, 0, 0, 8]))

test('rapid reset: the connection ends, and the upstream has seen few of its streams', async () => {
  const attacked = await hopTo({ resetBurst: 100, resetsPerSecond: 10 })
  const attacker = new RawClient(attacked.port)
  for (let index = 0; index < 5_000 && !attacker.closed; index += 50) {
    const frames: Buffer[] = []
    for (let at = index; at < index + 50; at++) frames.push(request(2 * at + 1), reset(2 * at + 1))
    attacker.send(...frames)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => attacker.closed)
  expect(attacker.goaway).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  expect(attacker.goawayReason).toContain('resetsPerSecond (10)')
  expect(attacked.served()).toBeLessThanOrEqual(200)
  await until(() => attacked.engine.connections === 0 && attacked.engine.streams === 0)
  await stillServes(attacked)
})

test('rapid reset below the limit that ends the connection is refused, not served', async () => {
  const attacked = await hopTo({ resetBurst: 100, resetsPerSecond: 1 })
  const attacker = new RawClient(attacked.port)
  for (let at = 0; at < 150; at++) attacker.send(request(2 * at + 1), reset(2 * at + 1))
  attacker.send(request(301))
  await until(() => attacker.of(FRAME.rstStream).some(({ streamId }) => streamId === 301))
  expect(attacker.of(FRAME.rstStream).at(-1)?.payload.readUInt32BE()).toBe(constants.NGHTTP2_REFUSED_STREAM)
  expect(attacker.closed).toBe(false)
})

test('streams beyond the limit are refused, not served', async () => {
  const { port } = await app(() => {})
  const attacked = await hop(port, { limits: { streams: 10 } })
  const attacker = new RawClient(attacked.port)
  await until(() => attacker.of(FRAME.settings).length === 2)
  for (let index = 0; index < 50; index++) attacker.send(request(2 * index + 1))
  await until(() => attacker.of(FRAME.rstStream).length === 40 || attacker.closed)
  expect(attacked.engine.streams).toBeLessThanOrEqual(10)
})

test('streams beyond the limit of all connections are refused, which is safe to repeat', async () => {
  const { port } = await app(() => {})
  const attacked = await hop(port, { limits: { streamsTotal: 10 } })
  const attackers = [new RawClient(attacked.port), new RawClient(attacked.port)]
  for (let index = 0; index < 10; index++) for (const each of attackers) each.send(request(2 * index + 1))
  await until(() => attackers.reduce((sum, each) => sum + each.of(FRAME.rstStream).length, 0) === 10)
  expect(attackers.flatMap((each) => each.of(FRAME.rstStream).map(({ payload }) => payload[3]))).toEqual(
    Array(10).fill(constants.NGHTTP2_REFUSED_STREAM),
  )
  expect(attacked.engine.streams).toBe(10)
})

test('connections beyond the limit get ENHANCE_YOUR_CALM', async () => {
  const attacked = await hopTo({ connections: 2 })
  const clients = [1, 2].map(() => new RawClient(attacked.port))
  await until(() => attacked.engine.connections === 2)
  const third = new RawClient(attacked.port)
  await until(() => third.closed)
  expect(clients.map(({ closed }) => closed)).toEqual([false, false])
  expect(third.goaway).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  expect(third.goawayReason).toContain('(connections)')
})

test('a head in endless CONTINUATION frames ends the connection', async () => {
  const attacked = await hopTo()
  const attacker = new RawClient(attacked.port)
  attacker.send(frame(FRAME.headers, 0, 1, literals(GET)))
  for (let index = 0; index < 2_000 && !attacker.closed; index++) {
    attacker.send(frame(FRAME.continuation, 0, 1, literals({ [`x-${index}`]: 'a'.repeat(1000) })))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => attacker.closed)
  expect(attacked.served()).toBe(0)
  await stillServes(attacked)
})

test.each([
  [
    'too large',
    { 'x-large': 'a'.repeat(15_000), 'x-other': 'b'.repeat(15_000), 'x-last': 'c'.repeat(5_000) },
  ],
  ['of too many fields', Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, 'a']))],
])('a head that is %s is refused, and the connection continues', async (_name, fields) => {
  const attacked = await hopTo()
  const attacker = new RawClient(attacked.port)
  const block = literals({ ...GET, ...fields })
  attacker.send(frame(FRAME.headers, 1, 1, block.subarray(0, 16_000)))
  for (let at = 16_000; at < block.length; at += 16_000) {
    attacker.send(frame(FRAME.continuation, 0, 1, block.subarray(at, at + 16_000)))
  }
  attacker.send(frame(FRAME.continuation, END_HEADERS, 1), request(3))
  await until(() => attacker.frames.some(({ streamId, type }) => streamId === 3 && type === FRAME.headers))
  expect(attacked.served()).toBe(1)
})

test.each([
  ['PING', () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
  ['SETTINGS', () => frame(FRAME.settings, 0, 0)],
])('a flood of %s frames ends the connection', async (_name, make) => {
  const attacked = await hopTo({ controlBurst: 100, controlsPerSecond: 10 })
  const attacker = new RawClient(attacked.port)
  for (let index = 0; index < 2_000 && !attacker.closed; index++) {
    attacker.send(make())
    if (index % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => attacker.closed)
  expect(attacker.goaway).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  expect(attacker.goawayReason).toContain('controlsPerSecond (10)')
  await until(() => attacked.engine.connections === 0)
  await stillServes(attacked)
})

test('a window that never opens ends after its time, and its buffers are limited', async () => {
  let written = 0
  const { port } = await app((stream) => {
    stream.respond({ ':status': 200 })
    const more = (): void => {
      while (written < 64 * 1024 * 1024 && !stream.destroyed) {
        written += 16_384
        if (!stream.write(Buffer.alloc(16_384))) return void stream.once('drain', more)
      }
    }
    more()
  })
  const attacked = await hop(port, { limits: { responseProgressMs: 200 } })
  const attacker = new RawClient(attacked.port)
  attacker.send(request(1))
  await until(() => attacked.engine.streams === 1)
  await until(() => attacked.engine.streams === 0)
  expect(written).toBeLessThan(1024 * 1024)
  expect(attacked.reports[0]?.error?.code).toBe('BL_HTTP_UPSTREAM_TIMEOUT')
})

test('a response of our own to a window that never opens ends after its time', async () => {
  const attacked = await hop(() => ({ status: 200, body: 'a'.repeat(200_000) }), {
    limits: { responseProgressMs: 100 },
  })
  const attacker = new RawClient(attacked.port)
  attacker.send(request(1))
  await until(() => attacked.engine.streams === 1)
  await until(() => attacked.engine.streams === 0)
  expect(attacked.reports).toMatchObject([{ status: 200, responseBytes: 200_000 }])
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['half a preface', Buffer.from('PRI * HTTP/2.0\r\n')],
])('a client that sends %s is cut off after its time', async (_name, bytes) => {
  const attacked = await hopTo({ headMs: 50 })
  const attacker = new RawClient(attacked.port, bytes)
  await until(() => attacker.closed && attacked.engine.connections === 0)
  expect(attacked.served()).toBe(0)
})

test.each([
  ['HTTP/1.1', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['noise', '\x00\x01\x02'.repeat(100)],
])('a client that speaks %s is cut off', async (_name, text) => {
  const attacked = await hopTo({ headMs: 2_000 })
  const socket = connect(attacked.port, '127.0.0.1')
  let closed = false
  socket.on('error', () => {}).on('close', () => (closed = true))
  socket.resume().write(text)
  await until(() => closed && attacked.engine.connections === 0)
  expect(attacked.served()).toBe(0)
  await stillServes(attacked)
})

test('a connection that breaks the protocol ends, and so do its streams', async () => {
  const { port } = await app(() => {})
  const attacked = await hop(port, { limits: { probeMs: 50 } })
  const attacker = new RawClient(attacked.port)
  attacker.send(request(1))
  await until(() => attacked.engine.streams === 1)
  attacker.send(frame(FRAME.data, 0, 0, 'no stream'))
  await until(() => attacker.goaway !== undefined)
  expect(attacker.goaway).toBe(constants.NGHTTP2_PROTOCOL_ERROR)
  await until(() => attacker.closed && attacked.engine.connections === 0 && attacked.engine.streams === 0)
})

test.each<[string, Record<string, string>]>([
  ['connection', { connection: 'close' }],
  ['transfer-encoding', { 'transfer-encoding': 'chunked' }],
  ['te', { te: 'gzip' }],
  ['an upper-case name', { 'X-Upper': 'a' }],
  ['a second path', { 'x-before': '', ':path': '/' }],
  ['a length that differs from that of the body', { 'content-length': '10' }],
])('a request with %s is refused before it is routed', async (_name, fields) => {
  const attacked = await hopTo()
  const attacker = new RawClient(attacked.port)
  attacker.send(
    frame(FRAME.headers, END_BOTH, 1, Buffer.concat([literals(GET), literals(fields)])),
    request(3, { ...GET, ':path': '/next' }),
  )
  await until(() => attacker.frames.some(({ streamId, type }) => streamId === 3 && type === FRAME.headers))
  expect(attacker.of(FRAME.rstStream).map(({ streamId }) => streamId)).toEqual([1])
  expect(attacked.served()).toBe(1)
})

test.each<[string, Record<string, string>, number]>([
  ['a Host that is not the authority', { ...GET, host: 'other' }, 400],
  ['an invalid authority', { ...GET, ':authority': 'a@b' }, 400],
  ['CONNECT', { ':method': 'CONNECT', ':authority': 'a:80' }, 501],
])('a request with %s gets a response, and reaches no upstream', async (_name, fields, status) => {
  const attacked = await hopTo()
  const attacker = new RawClient(attacked.port)
  attacker.send(request(1, fields))
  await until(() => attacked.reports.length === 1 || attacker.of(FRAME.rstStream).length > 0)
  expect(attacked.served()).toBe(0)
  expect(attacked.reports[0]?.status ?? status).toBe(status)
})

test.each<[string, Record<string, string>]>([
  ['a line break in a value', { 'x-a': 'b\r\nx-injected: c' }],
  ['a NUL in a value', { 'x-a': 'b\0x-injected\0c' }],
  ['a space in a name', { 'x a': 'b' }],
  ['an invalid Host', { host: 'a, b' }],
])('%s never reaches the upstream', async (_name, fields) => {
  const seen: string[][] = []
  const { port } = await app((stream, headers) => {
    seen.push(Object.keys(headers).filter((name) => !name.startsWith(':')))
    stream.respond({ ':status': 200 }, { endStream: true })
  })
  const attacker = new RawClient((await hop(port)).port)
  attacker.send(request(1, { ...GET, ...fields }), request(3))
  await until(() => seen.length > 0 && attacker.of(FRAME.headers).some(({ streamId }) => streamId === 3))
  // nghttp2 drops such a field, although RFC 9113, 8.2.1 requires that the request be refused.
  expect(seen.flat()).toEqual([])
})

test('WebSocket over HTTP/2 (RFC 8441) is not offered, and is refused', async () => {
  const attacked = await hopTo()
  const attacker = new RawClient(attacked.port)
  attacker.send(request(1, { ...GET, ':method': 'CONNECT', ':protocol': 'websocket' }))
  await until(() => attacker.of(FRAME.rstStream).length === 1 || attacker.closed)
  expect(attacked.served()).toBe(0)
})
