/** Clients that leave: their app notices at once, so that it stops work that no client waits for. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { app, hop } from './fixtures.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

/** An app that records which requests have begun, and whose clients have left. */
async function noticing(respond: (response: ServerResponse, request: IncomingMessage) => void) {
  const seen = { begun: 0, left: 0 }
  const { port } = await app((request, response) => {
    seen.begun++
    response.on('close', () => {
      if (!response.writableFinished) seen.left++
    })
    respond(response, request)
  })
  return { port, seen }
}

test.each([
  ['without a response so far', (): void => {}],
  [
    'of a quiet event stream',
    (response: ServerResponse) => void response.writeHead(200).write(': hello\n\n'),
  ],
])('the client of a request %s ends its connection: the app notices', async (_, respond) => {
  const { port: to, seen } = await noticing(respond)
  const { port, reports, engine } = await hop(to, { limits: { halfCloseMs: 0 } })
  const client = new RawClient(port).send(GET)
  await until(() => seen.begun === 1)
  client.socket.end()
  await until(() => seen.left === 1 && engine.connections === 0)
  expect(reports[0]?.error?.code).toBe('BL_HTTP_CLIENT_GONE')
})

test('so does a client that has sent the beginning of its next request', async () => {
  const { port: to, seen } = await noticing(() => {})
  const { port } = await hop(to, { limits: { halfCloseMs: 0 } })
  const client = new RawClient(port).send(`${GET}GET /next HT`)
  await until(() => seen.begun === 1)
  client.socket.end()
  await expect.poll(() => seen.left, { timeout: 5_000 }).toBe(1)
})

test('a client whose request waits for a decision leaves, with its body: no upstream gets anything', async () => {
  const { port: to, seen } = await noticing((response) => response.end('ok'))
  let decide = (): void => {}
  const { port, engine, reports } = await hop(
    () => new Promise((resolve) => (decide = () => resolve({ status: 204 }))),
    { limits: { halfCloseMs: 0 } },
  )
  const client = new RawClient(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc')
  await until(() => engine.connections === 1)
  client.socket.end()
  await until(() => engine.connections === 0)
  decide()
  expect(reports.map(({ status, error }) => [status, error?.code])).toEqual([[0, 'BL_HTTP_CLIENT_GONE']])
  expect([to > 0, seen.begun]).toEqual([true, 0])
})

test('a half-close directly after the request, with its body, while it waits for a decision: it gets its response', async () => {
  const { port: to } = await app((request, response) => request.pipe(response))
  const { port } = await hop(
    (head) =>
      new Promise((resolve) => {
        const decision = { candidates: [{ upstream: tcpUpstream('127.0.0.1', to) }] }
        if (head.target === '/own') setTimeout(() => resolve({ status: 200, body: 'own' }), 20)
        else setTimeout(() => resolve(decision), 20)
      }),
    { limits: { halfCloseMs: 60_000 } },
  )
  const client = new RawClient(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc')
  client.socket.end()
  expect(await client.ended()).toMatch(/^HTTP\/1\.1 200 [^]*abc/)
  const cut = new RawClient(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc')
  cut.socket.end()
  expect(await cut.ended()).toMatch(/^HTTP\/1\.1 400 [^]*in the middle of its request/)
})

test('pipelined requests and a half-close after them: all get their responses', async () => {
  const { port: to } = await app((request, response) => {
    setTimeout(() => response.end(`<${request.url}>`), 10)
  })
  const { port } = await hop(
    (head) =>
      head.target === '/1'
        ? { status: 200, body: '</1>' }
        : { candidates: [{ upstream: tcpUpstream('127.0.0.1', to) }] },
    { limits: { halfCloseMs: 60_000 } },
  )
  const client = new RawClient(port)
  client.send([0, 1, 2, 3].map((i) => `GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
  client.socket.end()
  const text = await client.ended()
  expect([...text.matchAll(/<\/(\d)>/g)].map(([, i]) => i)).toEqual(['0', '1', '2', '3'])
})

test('a client that has its early response leaves: that is not a failure', async () => {
  const { port: to } = await app((_, response) => response.writeHead(413).end())
  const { port, reports } = await hop(to, { limits: { halfCloseMs: 0 } })
  const client = new RawClient(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nabc')
  await client.until((text) => text.includes('\r\n\r\n'))
  client.socket.end()
  await until(() => reports[0])
  expect(reports[0]).toMatchObject({ status: 413, error: undefined })
})

test('a client that has half-closed gets less time, because it may have left as well', async () => {
  const { port: to, seen } = await noticing((response, request) => {
    if (request.url === '/stream') response.writeHead(200).write(': hello\n\n')
  })
  const { port, reports } = await hop(to, { limits: { halfCloseMs: 60_000, halfClosedMs: 50 } })
  const quiet = new RawClient(port).send('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n')
  await quiet.until((text) => text.includes('hello'))
  quiet.socket.end()
  new RawClient(port).send(GET).socket.end()
  await until(() => seen.left === 2)
  await until(() => reports.length === 2)
  expect(reports.map(({ error }) => error?.code)).toEqual(['BL_HTTP_CLIENT_GONE', 'BL_HTTP_CLIENT_GONE'])
})
