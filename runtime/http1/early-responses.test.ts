/** Apps that respond before they have read the whole request, and clients that continue to send. */
import { once } from 'node:events'
import * as net from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { hop, rawServer } from './fixtures.ts'
import { pipe } from '../transport/pipe.ts'
import { dialTcp, listen } from '../transport/tcp.ts'
import { cleanUp, later } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const SIZE = 8 << 20
const PATIENT = { limits: { lingerMs: 5_000, lingerTotalMs: 30_000, requestProgressMs: 5_000 } }
const head = (size: number): string => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`

/** Sends a head and a whole body before it reads a byte, as many clients do. */
async function upload(
  port: number,
  size = SIZE,
): Promise<{ text: string; error: unknown; client: net.Socket }> {
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  later(() => client.destroy())
  let error: unknown
  client.on('error', (failed) => (error = failed))
  client.pause()
  client.write(head(size))
  const block = Buffer.alloc(1 << 20, 'x')
  for (let left = size; left > 0 && !client.destroyed; left -= block.length) {
    const part = block.subarray(0, Math.min(left, block.length))
    if (!client.write(part))
      await Promise.race([once(client, 'drain'), once(client, 'error').catch(() => {})])
  }
  let text = ''
  client.on('data', (data) => (text += data.toString('latin1'))).resume()
  await until(() => text.includes('\r\n\r\n') || error !== undefined || client.closed)
  return { text, error, client }
}

/** Calls back with each request's head, and counts the bytes after it. */
const uploads = (onHead: (socket: net.Socket) => void, counts: number[] = []): Promise<number> =>
  rawServer((socket) => {
    let text = ''
    let index = -1
    socket.on('data', (data) => {
      if (index === -1) {
        text += data.toString('latin1')
        const end = text.indexOf('\r\n\r\n')
        if (end === -1) return
        index = counts.push(text.length - end - 4) - 1
        onHead(socket)
      } else counts[index] = (counts[index] as number) + data.length
    })
  })

test('an app that responds 413 and closes: each client gets the response, although its upload is not read', async () => {
  const to = await rawServer((socket) => {
    // The app reads only the first bytes. Its end is a reset, because the rest is unread.
    socket.once('readable', () => {
      socket.read(10)
      socket.end('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () =>
        socket.destroy(),
      )
    })
  })
  const { port, reports } = await hop(to, PATIENT)
  for (let i = 0; i < 10; i++) {
    const { text, error, client } = await upload(port)
    expect([text.slice(0, 13), error]).toEqual(['HTTP/1.1 413 ', undefined])
    expect(text).toContain('connection: close\r\n')
    client.destroy()
  }
  await until(() => reports.length === 10)
  expect(reports.map(({ status, error }) => [status, error])).toEqual(
    Array.from({ length: 10 }, () => [413, undefined]),
  )
})

test.each([
  ['413 and drops the rest', '413 Too Large'],
  ['202 and goes on to store', '202 Accepted'],
])('an app that responds %s gets the whole upload, and the connection is kept', async (_, status) => {
  const counts: number[] = []
  const to = await uploads(
    (socket) => socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`),
    counts,
  )
  const { port, reports } = await hop(to, PATIENT)
  const { text, client } = await upload(port)
  expect(text).toBe(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`)
  await until(() => counts[0] === SIZE)
  await until(() => reports.length === 1)
  expect(reports[0]).toMatchObject({ requestBytes: SIZE, error: undefined })
  client.destroy()
})

test('an app that closes after its early response without announcing it harms no later request', async () => {
  const counts: number[] = []
  const to = await uploads((socket) => {
    socket.write('HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n')
    socket.on('data', () => counts.at(-1) === 100_000 && socket.end())
  }, counts)
  const { port } = await hop(to, { limits: { poolUnsafeIdleMs: 60_000, ...PATIENT.limits } })
  for (let i = 1; i <= 10; i++) {
    const { text } = await upload(port, 100_000)
    expect(text.slice(0, 13)).toBe('HTTP/1.1 202 ')
  }
  await until(() => counts.every((count) => count === 100_000))
})

test('an app of HTTP/1.0 ends its early response with its direction, and still gets the whole upload', async () => {
  const counts: number[] = []
  const to = await uploads((socket) => socket.end('HTTP/1.0 202 Accepted\r\n\r\nstored soon'), counts)
  const { port } = await hop(to, PATIENT)
  const client = new RawClient(port).send(head(300_000)).send('x'.repeat(100_000))
  client.socket.removeAllListeners('end')
  const ended = once(client.socket, 'end')
  await client.until((text) => text.endsWith('stored soon'))
  await ended
  client.send('x'.repeat(200_000))
  await expect.poll(() => counts[0], { timeout: 5_000 }).toBe(300_000)
})

test('an early response whose upload stalls ends after the time for a body, without a second response', async () => {
  const to = await uploads((socket) => socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n'))
  const { port, reports } = await hop(to, { limits: { requestProgressMs: 40 } })
  const text = await new RawClient(port).send(`${head(1000)}abc`).ended()
  expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  expect(reports[0]).toMatchObject({ status: 413, error: undefined })
})

test('a bad chunk after an early response ends the connection, without a second response', async () => {
  const to = await uploads((socket) => socket.write('HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n'))
  const { port, reports } = await hop(to, PATIENT)
  const client = new RawClient(port).send('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.until((text) => text.includes('202'))
  expect((await client.send('nothing\r\n').ended()).match(/HTTP\/1\.1 /g)).toHaveLength(1)
  expect(reports[0]?.error?.code).toBe('BL_HTTP_BAD_REQUEST')
})

test('a response of our own reaches a client that continues to send for long', async () => {
  const { port } = await hop(() => ({ status: 404, body: 'no\n' }), PATIENT)
  const { text, error } = await upload(port)
  expect([text.slice(0, 13), error]).toEqual(['HTTP/1.1 404 ', undefined])
})

test('a client that sends without end is cut off after its total time', async () => {
  const { port, engine } = await hop(() => ({ status: 404 }), {
    limits: { lingerMs: 5_000, lingerTotalMs: 100 },
  })
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  later(() => client.destroy())
  client.on('error', () => {})
  client.write(head(1 << 30))
  const timer = setInterval(() => client.write('x'), 5)
  await until(() => engine.connections === 1)
  await expect.poll(() => engine.connections, { timeout: 5_000 }).toBe(0)
  clearInterval(timer)
})

test('Expect: a final response closes the connection, because the client may not send its body', async () => {
  const to = await uploads((socket) => socket.write('HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n'))
  const { port } = await hop(to)
  const text = await new RawClient(port)
    .send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n')
    .ended()
  expect(text).toMatch(/^HTTP\/1\.1 417 [^]*connection: close\r\n/)
})

test('Expect: an app that sends no 100 causes a 504 that says so, not a fault of the client', async () => {
  const to = await rawServer((socket) => socket.resume())
  const { port, reports } = await hop(to, { limits: { requestProgressMs: 20, upstreamResponseMs: 80 } })
  const client = new RawClient(port).send(
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n',
  )
  expect(await client.ended()).toMatch(/^HTTP\/1\.1 504 [^]*sent no 100 \(Continue\)/)
  expect(reports[0]?.error?.code).toBe('BL_HTTP_UPSTREAM_TIMEOUT')
})

test('a pipe: what a server sent before it closed arrives, although writes to it fail', async () => {
  const to = await rawServer((socket) => {
    socket.once('readable', () => {
      socket.read(1)
      socket.end('too much', () => socket.destroy())
    })
  })
  const listener = await listen({ port: 0 }, (transport) => pipe(transport, dialTcp('127.0.0.1', to)))
  later(() => listener.stop())
  for (let i = 0; i < 10; i++) {
    const client = net.connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true })
    client.on('error', () => {})
    let text = ''
    client.on('data', (data) => (text += data.toString()))
    // Once, because a write that fails would be the client's own reason not to read.
    client.write(Buffer.alloc(4 << 20, 'x'))
    await expect.poll(() => text, { timeout: 5_000 }).toBe('too much')
    client.destroy()
  }
})
