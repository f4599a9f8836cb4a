import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import * as net from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { handleWrites, inodeOf, latin1, queuedBytes, writeLatin1 } from './node-private.ts'
import type { SocketTransport } from './socket-transport.ts'
import { dialTcp, listen } from './tcp.ts'
import { IGNORE } from './transport.ts'

/** The versions of Node whose private parts these tests were run against. */
const CHECKED_NODE = /^24\./

afterEach(() => {
  handleWrites.wanted = true
})

/** Returns an accepted transport and its peer, which reads nothing until it resumes. */
async function accepted(): Promise<{ transport: SocketTransport; peer: net.Socket }> {
  const taken: SocketTransport[] = []
  const listener = await listen({ port: 0 }, (transport) => taken.push(transport as SocketTransport))
  const peer = net.connect({ port: listener.port, allowHalfOpen: true })
  peer.on('error', () => {})
  onTestFinished(() => {
    peer.destroy()
    listener.stop()
  })
  return { transport: await vi.waitUntil(() => taken[0], { interval: 1, timeout: 5_000 }), peer }
}

const becomes = async (holds: () => boolean): Promise<unknown> =>
  vi.waitUntil(holds, { interval: 1, timeout: 5_000 })

async function readAll(peer: net.Socket): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of peer) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

test('the private parts work on Node 24, the version that they are checked against', async () => {
  expect(process.versions.node, 'run these tests on the new version, then name it in CHECKED_NODE').toMatch(
    CHECKED_NODE,
  )
  const { transport, peer } = await accepted()
  expect(transport.writes).toBe('handle')
  expect(transport.stable, 'accepted sockets read into our own buffers').toBe(false)
  expect(inodeOf(peer)).toBeGreaterThan(0)
  const socket = transport.takeSocket() as net.Socket
  socket.write(Buffer.alloc(8 << 20))
  expect(queuedBytes(socket)).toBeGreaterThan(0)
  const bytes = Buffer.from('a\xff', 'latin1')
  expect(latin1(bytes, 0, 2)).toBe('a\xff')
  expect(writeLatin1(bytes, '\xfe', 0)).toBe(1)
  expect(bytes).toEqual(Buffer.from([0xfe, 0xff]))
})

test('accepted and dialled sockets are written to through their handles', async () => {
  const { transport } = await accepted()
  expect(transport.writes).toBe('handle')
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const dialled = dialTcp('127.0.0.1', (server.address() as net.AddressInfo).port) as SocketTransport
  expect(dialled.writes).toBe('queue')
  await becomes(() => dialled.opened)
  expect(dialled.writes).toBe('handle')
  dialled.destroy()
  server.close()
  handleWrites.wanted = false
  expect((await accepted()).transport.writes).toBe('queue')
})

test('Node prints no deprecation warning, even if it warns of pending deprecations', () => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--pending-deprecation', '--throw-deprecation', join(import.meta.dirname, 'node-private.ts')],
    { encoding: 'utf8' },
  )
  expect([stdout, stderr]).toEqual(['', ''])
})

describe.each(['handle', 'queue'] as const)('written to through the %s', (path) => {
  test('all bytes arrive in order and then the end, whatever was pending', async () => {
    handleWrites.wanted = path === 'handle'
    const { transport, peer } = await accepted()
    expect(transport.writes).toBe(path)
    const parts = Array.from({ length: 60 }, (_, i) => Buffer.alloc(1 + ((i * 7919) % 200_000), i))
    let drains = 0
    transport.receiver = { ...IGNORE, onDrain: () => drains++ }
    let blocked = 0
    for (const [i, part] of parts.entries()) {
      const text = part.toString('latin1')
      const writes = [
        () => transport.write(part, true),
        () => transport.write(text),
        () => transport.writeBoth(text.slice(0, 10), part.subarray(10), true),
        () => transport.write(part),
      ]
      if (writes[i % writes.length]?.() === false) blocked++
    }
    const expected = Buffer.concat(parts)
    expect(blocked).toBeGreaterThan(0)
    expect(transport.pendingBytes).toBeGreaterThan(1_000_000)
    expect(drains).toBe(0)
    transport.end()
    peer.end()
    expect((await readAll(peer)).equals(expected)).toBe(true)
    expect(transport.pendingBytes).toBe(0)
    expect(drains).toBeLessThanOrEqual(1)
  })

  test('onDrain comes once, when the system has taken all pending bytes', async () => {
    handleWrites.wanted = path === 'handle'
    const { transport, peer } = await accepted()
    let drains = 0
    transport.receiver = { ...IGNORE, onDrain: () => drains++ }
    const block = Buffer.alloc(8 << 20, 'x')
    expect(transport.write(block, true)).toBe(false)
    expect(transport.write('x'.repeat(20_000))).toBe(false)
    peer.resume()
    await becomes(() => drains > 0)
    expect([drains, transport.pendingBytes]).toEqual([1, 0])
    expect(transport.write('x')).toBe(true)
  })

  test('a reset by the peer is reported once, and pending writes end', async () => {
    handleWrites.wanted = path === 'handle'
    const { transport, peer } = await accepted()
    const errors: unknown[] = []
    transport.receiver = { ...IGNORE, onClose: (error) => errors.push((error as { code?: string }).code) }
    transport.write(Buffer.alloc(8 << 20, 'x'), true)
    expect(transport.pendingBytes).toBeGreaterThan(0)
    peer.resetAndDestroy()
    await becomes(() => errors.length > 0)
    expect(['ECONNRESET', 'EPIPE']).toContain(errors[0])
    expect(transport.closed).toBe(true)
    expect(transport.write('more')).toBe(true)
    await new Promise((resolve) => setImmediate(resolve))
    expect(errors).toHaveLength(1)
  })

  test('a write that fails at once closes the transport with that error, in a later turn', async () => {
    handleWrites.wanted = path === 'handle'
    const { transport, peer } = await accepted()
    const errors: unknown[] = []
    transport.receiver = { ...IGNORE, onClose: (error) => errors.push((error as { code?: string }).code) }
    transport.pause()
    peer.resetAndDestroy()
    await becomes(() => {
      transport.write('x')
      return errors.length > 0
    })
    expect(['ECONNRESET', 'EPIPE']).toContain(errors[0])
  })

  test.each([undefined, new Error('no more')])('destroy while many bytes are pending: %s', async (error) => {
    handleWrites.wanted = path === 'handle'
    const { transport, peer } = await accepted()
    const closed: unknown[] = []
    transport.receiver = { ...IGNORE, onClose: (why) => closed.push(why) }
    transport.write(Buffer.alloc(8 << 20, 'x'), true)
    transport.destroy(error)
    expect(closed).toEqual([])
    await becomes(() => closed.length > 0)
    expect(closed).toEqual([error])
    peer.resume()
    await becomes(() => peer.destroyed || peer.readableEnded)
  })
})
