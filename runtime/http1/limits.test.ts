import type { Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { app, hop, rawServer } from './fixtures.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { SocketTransport } from '../transport/socket-transport.ts'
import type { UpstreamConnection } from './upstream-connection.ts'
import { UpstreamPool } from './upstream-pool.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

test('a slow head gets a 408', async () => {
  const { port, reports } = await hop(1, { limits: { headMs: 50 } })
  const client = new RawClient(port).send('GET / HT')
  expect(await client.ended()).toMatch(/^HTTP\/1\.1 408 [^]*connection: close\r\n/)
  expect(reports[0]?.error?.code).toBe('BL_HTTP_REQUEST_TIMEOUT')
})

test('a head that arrives byte by byte gains no time', async () => {
  const { port } = await hop(1, { limits: { headMs: 100 } })
  const client = new RawClient(port).send('GET / HTTP/1.1\r\nA: ')
  const timer = setInterval(() => client.send('b'), 10)
  expect(await client.ended()).toMatch(/^HTTP\/1\.1 408 /)
  clearInterval(timer)
})

test('a connection that sends nothing, and one that is idle, close without a response', async () => {
  const { port: to } = await app((_, response) => response.end('ok'))
  const silent = await hop(to, { limits: { headMs: 50 } })
  expect(await new RawClient(silent.port).ended()).toBe('')
  const idle = await hop(to, { limits: { idleMs: 50 } })
  const client = new RawClient(idle.port).send(GET)
  expect(await client.ended()).toMatch(/ok$/)
})

test('an oversized head gets a 431, an oversized target a 414, too many fields a 431', async () => {
  const { port } = await hop(1, { limits: { headBytes: 1000, headerCount: 5 } })
  const long = 'a'.repeat(2000)
  expect(await new RawClient(port).send(`GET / HTTP/1.1\r\nHost: x\r\nA: ${long}\r\n\r\n`).ended()).toMatch(
    /^HTTP\/1\.1 431 /,
  )
  expect(await new RawClient(port).send(`GET /${long} HTTP/1.1\r\n`).ended()).toMatch(/^HTTP\/1\.1 414 /)
  expect(
    await new RawClient(port).send(`GET / HTTP/1.1\r\nHost: x\r\n${'a:b\r\n'.repeat(9)}\r\n`).ended(),
  ).toMatch(/^HTTP\/1\.1 431 /)
})

test('garbage gets a 400 at once', async () => {
  const { port } = await hop(1)
  expect(await new RawClient(port).send('\x16\x03\x01\x02\x00\x01').ended()).toMatch(/^HTTP\/1\.1 400 /)
  expect(await new RawClient(port).send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').ended()).toMatch(
    /^HTTP\/1\.1 505 /,
  )
})

test('a body that stops gets a 408', async () => {
  const { port: to } = await app(() => {})
  const { port } = await hop(to, { limits: { requestProgressMs: 50 } })
  const client = new RawClient(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc')
  expect(await client.ended()).toMatch(/^HTTP\/1\.1 408 /)
})

test('an upstream that does not respond causes a 504, and the client may continue', async () => {
  const { port: to } = await app((request, response) => {
    if (request.url !== '/') response.end('fine')
  })
  const { port, reports } = await hop(to, { limits: { upstreamResponseMs: 50 } })
  const client = new RawClient(port).send(GET)
  await client.until((text) => text.startsWith('HTTP/1.1 504 '))
  client.send('GET /fine HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until((text) => text.endsWith('fine'))
  expect(reports[0]?.error?.code).toBe('BL_HTTP_UPSTREAM_TIMEOUT')
})

test('a response that stops is cut off', async () => {
  const { port: to } = await app((_, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('abc')
  })
  const { port } = await hop(to, { limits: { responseProgressMs: 50 } })
  const client = new RawClient(port).send(GET)
  expect(await client.ended()).toMatch(/abc$/)
})

test('if a candidate accepts no connection in time, the next one is tried', async () => {
  const { port: to } = await app((_, response) => response.end('second'))
  const never = { key: 'never', dial: () => new SocketTransport() }
  const { port, reports } = await hop(
    (head) => ({
      candidates:
        head.target === '/one'
          ? [{ upstream: never }]
          : [{ upstream: never }, { upstream: tcpUpstream('127.0.0.1', to) }],
    }),
    { limits: { upstreamConnectMs: 40 } },
  )
  const client = new RawClient(port).send(GET)
  await client.until((text) => text.endsWith('second'))
  expect(reports[0]?.candidate).toBe(1)
  client.text = ''
  client.send('GET /one HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until((text) => text.startsWith('HTTP/1.1 504 '))
})

test('a route whose promise never settles causes a 504', async () => {
  const { port } = await hop(() => new Promise(() => {}), { limits: { upstreamResponseMs: 40 } })
  const client = new RawClient(port).send(GET)
  expect(await client.until((text) => text.includes('\n\r\n'))).toMatch(/^HTTP\/1\.1 504 /)
})

test('one connection beyond the limit gets a 503', async () => {
  const { port, engine } = await hop(1, { limits: { connections: 1 } })
  const first = new RawClient(port)
  await until(() => engine.connections === 1)
  expect(await new RawClient(port).ended()).toMatch(/^HTTP\/1\.1 503 /)
  expect(first.closed).toBe(false)
})

test('more interim responses than the limit cause a 502', async () => {
  const to = await rawServer((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(9)))
  })
  const { port } = await hop(to, { limits: { interimResponses: 5 } })
  const client = new RawClient(port).send(GET)
  expect(await client.until((text) => text.includes('502'))).toContain('HTTP/1.1 502 ')
})

test('the pool is bounded, closes idle connections, and forgets those that the upstream closes', async () => {
  let open = 0
  const { port: to, server } = await app((_, response) => setTimeout(() => response.end('ok'), 10))
  server.on('connection', (socket: Socket) => {
    open++
    socket.on('close', () => open--)
  })
  const pool = new UpstreamPool({ poolSize: 2, poolIdleMs: 80 })
  const { port } = await hop(to, { pool })
  const clients = Array.from({ length: 5 }, () => new RawClient(port).send(GET))
  await Promise.all(clients.map((client) => client.until((text) => text.endsWith('ok'))))
  expect(pool.size).toBe(2)
  await until(() => open === 0 && pool.size === 0)
  clients[0]?.send(GET)
  await clients[0]?.until((text) => text.match(/ok/g)?.length === 2)
  server.closeAllConnections()
  await until(() => pool.size === 0)
})

test('the pool keeps no connection longer than its upstream announces', async () => {
  let opened = 0
  const { port: to, server } = await app((_, response) => {
    response.setHeader('keep-alive', 'timeout=10')
    response.end('ok')
  })
  server.on('connection', () => opened++)
  const pool = new UpstreamPool({ poolIdleMs: 60_000, poolUnsafeIdleMs: 60_000 })
  const put = vi.spyOn(pool, 'put')
  const { port } = await hop(to, { pool })
  const client = new RawClient(port)
  const get = async (times: number): Promise<void> => {
    client.send(GET)
    await client.until((text) => text.match(/\nok/g)?.length === times)
  }
  await get(1)
  await get(2)
  expect([opened, pool.size]).toEqual([1, 1])
  const [kept] = put.mock.lastCall as [UpstreamConnection]
  // The pool keeps it 80 % of the announced time.
  kept.idleSince -= 8_000
  await get(3)
  expect(opened).toBe(2)
  pool.close()
})

test('a client that resets its connection frees its upstream connection', async () => {
  let began = false
  let closed = false
  const { port: to } = await app((request) => {
    began = true
    request.on('close', () => {
      closed = true
    })
  })
  const { port, reports, engine } = await hop(to)
  const client = new RawClient(port).send(GET)
  await until(() => began)
  client.socket.resetAndDestroy()
  await until(() => closed && engine.connections === 0)
  expect(reports[0]?.error?.code).toBe('BL_HTTP_CLIENT_GONE')
})
