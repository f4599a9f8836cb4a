/**
 * Attack: clients make the engine keep bytes for them until its container is killed: incomplete heads, requests
 * pipelined behind a slow one, slow requests with large heads. Fix: what all connections keep beyond a few bytes each
 * shares one limit, and the connections that have kept bytes longest release them, so that other clients are still
 * served.
 */
import type { ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { app, type Hop, hop } from './fixtures.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const FREE = 1024
const TOTAL = 64 * 1024
const GET = 'GET /good HTTP/1.1\r\nHost: x\r\n\r\n'
const headOf = (path: string, bytes: number): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(bytes)}\r\n\r\n`

interface World extends Hop {
  /** The responses that the app has not sent yet to requests for /slow. */
  readonly slow: ServerResponse[]
}

async function world(limits = {}): Promise<World> {
  const slow: ServerResponse[] = []
  const { port: to } = await app((request, response) => {
    if (request.url === '/slow') slow.push(response)
    else response.end('served')
  })
  const made = await hop(to, { limits: { keptFreeBytes: FREE, keptTotalBytes: TOTAL, ...limits } })
  return { ...made, slow }
}

/** What a well-behaved client gets. */
async function wellBehaved(port: number, bytes = 100): Promise<string> {
  const client = new RawClient(port).send(headOf('/good', bytes))
  return client.until((text) => text.endsWith('served') || text.endsWith('moment\n'))
}

async function settled({ engine }: Hop): Promise<void> {
  await until(
    () => (engine.memory.used === 0 ? true : undefined),
    () => `${engine.memory.used} bytes are kept`,
  )
}

test('incomplete heads: the slowest are refused, and other clients are served', async () => {
  const it = await world()
  const clients: RawClient[] = []
  for (let count = 0; count < 40; count++) {
    const before = it.engine.memory.used
    const sheds = it.engine.memory.sheds
    clients.push(new RawClient(it.port).send(headOf('/', 8_000).slice(0, -4)))
    await until(() => (it.engine.memory.used !== before || it.engine.memory.sheds > sheds ? true : undefined))
    expect(it.engine.memory.used).toBeLessThanOrEqual(TOTAL)
  }
  expect(await clients[0]?.ended()).toMatch(/^HTTP\/1\.1 503 [^]*\r\nretry-after: 1\r\n/)
  expect(clients.at(-1)?.text).toBe('')
  expect(await wellBehaved(it.port)).toMatch(/^HTTP\/1\.1 200 /)
  expect(await wellBehaved(it.port, 12_000)).toMatch(/^HTTP\/1\.1 200 /)
  expect(clients.at(-1)?.text).toBe('')
  for (const { socket } of clients) socket.destroy()
  await settled(it)
})

test('pipelined requests: the slowest clients lose them, their current response is the last, others are served', async () => {
  const it = await world()
  const clients: RawClient[] = []
  for (let count = 0; count < 10; count++) {
    clients.push(
      new RawClient(it.port).send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n' + headOf('/good', 15_000)),
    )
    await until(() => it.slow.length > count)
  }
  await until(() => it.engine.memory.sheds > 0)
  expect(it.engine.memory.used).toBeLessThanOrEqual(TOTAL)
  expect(await wellBehaved(it.port, 12_000)).toMatch(/^HTTP\/1\.1 200 /)
  for (const response of it.slow) response.end('late')
  expect(await clients[0]?.ended()).toMatch(/^HTTP\/1\.1 200 [^]*late$/)
  expect(await clients.at(-1)?.until((text) => text.endsWith('served'))).toMatch(/late[^]*served$/)
  for (const { socket } of clients) socket.destroy()
  await settled(it)
})

test('running requests with large heads: further large ones are refused, small ones are served', async () => {
  const it = await world()
  const clients = Array.from({ length: 12 }, () => new RawClient(it.port).send(headOf('/slow', 8_000)))
  const refused = (): RawClient[] => clients.filter(({ text }) => text.startsWith('HTTP/1.1 503'))
  await until(() => it.slow.length + refused().length === 12)
  expect(it.engine.memory.used).toBeLessThanOrEqual(TOTAL)
  expect(refused().length).toBeGreaterThan(0)
  expect(await wellBehaved(it.port, 8_000)).toMatch(/^HTTP\/1\.1 503 [^]*retry-after: 1\r\n/)
  expect(await wellBehaved(it.port)).toMatch(/^HTTP\/1\.1 200 /)
  for (const response of it.slow) response.end('late')
  await settled(it)
  expect(await wellBehaved(it.port, 8_000)).toMatch(/^HTTP\/1\.1 200 /)
})

test('a body that is read ahead of its upstream is refused completely, not cut off', async () => {
  const decided = Promise.withResolvers<undefined>()
  const { port: to } = await app((_, response) => response.end('served'))
  const it = await hop(
    async (head) => {
      if (head.target === '/late') await decided.promise
      return { candidates: [{ upstream: tcpUpstream('127.0.0.1', to) }] }
    },
    { limits: { keptFreeBytes: FREE, keptTotalBytes: TOTAL } },
  )
  const post = `POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n${'b'.repeat(40_000)}`
  const first = new RawClient(it.port).send(post)
  await until(() => it.engine.memory.used > 30_000)
  const second = new RawClient(it.port).send(post)
  expect(await first.ended()).toMatch(/^HTTP\/1\.1 503 /)
  decided.resolve(undefined)
  expect(await second.until((text) => text.endsWith('served'))).toMatch(/^HTTP\/1\.1 200 /)
  await settled(it)
})

test('an idle connection keeps nothing', async () => {
  const it = await world()
  const client = new RawClient(it.port).send(headOf('/good', 12_000))
  await client.until((text) => text.endsWith('served'))
  await settled(it)
  expect(it.engine.connections).toBe(1)
  client.send(GET)
  await client.until((text) => text.split('served').length === 3)
})
