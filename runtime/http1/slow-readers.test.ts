/**
 * Attack: clients request large responses and do not read them. What the kernel does not take waits in the process,
 * tens of KiB for each client, until its container is killed. Fix: all waiting bytes share one limit. Above it, the
 * longest waiting reader is cut off, and reads become small long before that.
 */
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { unread } from '../transport/unread-bytes.ts'
import { app, hop } from './fixtures.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'

const LIMIT = 512 * 1024
const before = unread.limitBytes
const sockets: Socket[] = []
beforeEach(() => {
  unread.limitBytes = LIMIT
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await cleanUp()
  unread.limitBytes = before
})

test('clients that do not read: the slowest are cut off, others are served, and none of their bytes stay', async () => {
  const large = Buffer.alloc(16 * 1024 * 1024)
  const { port: to } = await app((request, response) => {
    response.end(request.url === '/good' ? 'served' : large)
  })
  const { port } = await hop(to)
  const cuts = unread.cuts
  let closed = 0
  for (let count = 0; unread.cuts === cuts; count++) {
    if (count === 400) throw new Error(`no reader was cut: ${unread.used} bytes wait`)
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {}).on('close', () => closed++)
    sockets.push(socket.pause())
    socket.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
    const { used } = unread
    await until(() => unread.used !== used || unread.cuts > cuts)
    expect(unread.used).toBeLessThanOrEqual(LIMIT)
  }
  const client = new RawClient(port).send('GET /good HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(await client.until((text) => text.endsWith('served'))).toMatch(/^HTTP\/1\.1 200 /)
  // Clients that read now get what they were waiting for. Those that were cut off see a reset.
  for (const socket of sockets) socket.resume()
  await until(() => closed > 0)
  for (const socket of sockets) socket.destroy()
  await until(
    () => (unread.used === 0 ? true : undefined),
    () => `${unread.used} bytes wait`,
  )
})
