import { existsSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { app, type Hop, hop, rawServer } from './fixtures.ts'
import { checkPaused } from '../transport/paused-sockets.ts'
import { pipe } from '../transport/pipe.ts'
import { dialTcp, listen } from '../transport/tcp.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const hasTable = existsSync('/proc/self/net/tcp')
const SLOW = 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n'
const PIPELINED = `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(8_000)}\r\n\r\n`.repeat(14)

/** Checks repeatedly, as the timer does. */
async function noticed(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await checkPaused()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A client that has sent more than is read ahead, after a request without a response. */
async function flooded(halfCloseMs = 0): Promise<Hop & { readonly client: RawClient }> {
  let asked = false
  const { port: to } = await app(() => (asked = true))
  const made = await hop(to, { limits: { halfCloseMs } })
  const client = new RawClient(made.port).send(SLOW + PIPELINED)
  await until(() => asked)
  return { ...made, client }
}

test.runIf(hasTable).each(['end', 'destroy', 'resetAndDestroy'] as const)(
  'a client that is not read leaves by %s: its place becomes free',
  async (leave) => {
    const { engine, client, reports } = await flooded()
    for (let looks = 0; looks < 5; looks++) await checkPaused()
    expect(engine.connections).toBe(1)
    client.socket[leave]()
    await noticed(() => engine.connections === 0)
    expect(reports[0]?.error?.code).toBe('BL_HTTP_CLIENT_GONE')
  },
)

test.runIf(hasTable)('an upload that the app does not read, and whose client leaves', async () => {
  const to = await rawServer((socket) => socket.pause())
  const { engine, port } = await hop(to, { limits: { halfCloseMs: 0 } })
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n'
  const client = new RawClient(port).send(head + 'b'.repeat(30_000_000))
  await until(() => client.socket.writableLength > 0 && engine.connections === 1)
  for (let looks = 0; looks < 5; looks++) await checkPaused()
  client.socket.resetAndDestroy()
  await noticed(() => engine.connections === 0)
  expect(engine.connections).toBe(0)
})

test.runIf(hasTable)('a pipe passes a reset on, and lets an end after unread bytes through', async () => {
  let read = 0
  let taken = ''
  const to = await rawServer((socket) => {
    socket.pause()
    socket.on('data', (data) => (read += data.length)).on('end', () => (taken = 'all'))
    setTimeout(() => socket.resume(), 200)
  })
  const listener = await listen({ port: 0 }, (transport) => pipe(transport, dialTcp('127.0.0.1', to)))
  const client = new RawClient(listener.port)
  client.send('b'.repeat(20_000_000)).socket.end()
  await noticed(() => taken === 'all')
  expect(read).toBe(20_000_000)
  listener.stop()
})
