import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import * as net from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, cleanups, waitFor } from './fixtures.ts'
import { handleWrites } from '../transport/socket-handle.ts'
import type { SocketTransport } from '../transport/socket-transport.ts'
import { dialTcp, listen } from '../transport/tcp.ts'
import { IGNORE } from '../transport/transport.ts'

afterEach(async () => {
  handleWrites.wanted = true
  await cleanUp()
})

/** A transport that was accepted, and its peer, which reads nothing until it is asked to. */
async function accepted(): Promise<{ transport: SocketTransport; peer: net.Socket }> {
  const taken: SocketTransport[] = []
  const listener = await listen({ port: 0 }, (transport) => taken.push(transport as SocketTransport))
  const peer = net.connect({ port: listener.port, allowHalfOpen: true })
  peer.on('error', () => {})
  cleanups.push(() => (peer.destroy(), listener.stop()))
  return { transport: await waitFor(() => taken[0]), peer }
}

async function readAll(peer: net.Socket): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of peer) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

test('sockets are written to by their handles on this Node, accepted and dialled ones', async () => {
  const { transport } = await accepted()
  expect(transport.writes).toBe('handle')
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const dialled = dialTcp('127.0.0.1', (server.address() as net.AddressInfo).port) as SocketTransport
  expect(dialled.writes).toBe('queue')
  await waitFor(() => (dialled.opened ? true : undefined))
  expect(dialled.writes).toBe('handle')
  dialled.destroy()
  server.close()
  handleWrites.wanted = false
  expect((await accepted()).transport.writes).toBe('queue')
})

test('nothing is said of deprecations, even where Node is asked to tell of those to come', () => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--pending-deprecation',
      '--throw-deprecation',
      join(import.meta.dirname, '../transport/socket-handle.ts'),
    ],
    { encoding: 'utf8' },
  )
  expect([stdout, stderr]).toEqual(['', ''])
})

describe.each(['handle', 'queue'] as const)('written to by the %s', (way) => {
  test('all arrives in order and then the end, whatever was pending', async () => {
    handleWrites.wanted = way === 'handle'
    const { transport, peer } = await accepted()
    expect(transport.writes).toBe(way)
    const parts = Array.from({ length: 60 }, (_, i) => Buffer.alloc(1 + ((i * 7919) % 200_000), i))
    let rooms = 0
    transport.receiver = { ...IGNORE, onDrain: () => rooms++ }
    let blocked = 0
    for (const [i, part] of parts.entries()) {
      const text = part.toString('latin1')
      const ways = [
        () => transport.write(part, true),
        () => transport.write(text),
        () => transport.writeBoth(text.slice(0, 10), part.subarray(10), true),
        () => transport.write(part),
      ]
      if (ways[i % ways.length]?.() === false) blocked++
    }
    const expected = Buffer.concat(parts)
    expect(blocked).toBeGreaterThan(0)
    expect(transport.pendingBytes).toBeGreaterThan(1_000_000)
    expect(rooms).toBe(0)
    transport.end()
    peer.end()
    expect((await readAll(peer)).equals(expected)).toBe(true)
    expect(transport.pendingBytes).toBe(0)
    expect(rooms).toBeLessThanOrEqual(1)
  })

  test('there is room again once, when all that was pending is taken', async () => {
    handleWrites.wanted = way === 'handle'
    const { transport, peer } = await accepted()
    let rooms = 0
    transport.receiver = { ...IGNORE, onDrain: () => rooms++ }
    const block = Buffer.alloc(8 << 20, 'x')
    expect(transport.write(block, true)).toBe(false)
    expect(transport.write('x'.repeat(20_000))).toBe(false)
    peer.resume()
    await waitFor(() => (rooms > 0 ? true : undefined))
    expect([rooms, transport.pendingBytes]).toEqual([1, 0])
    expect(transport.write('x')).toBe(true)
  })

  test('a peer that has reset is an error, seen once, and whatever is pending ends with it', async () => {
    handleWrites.wanted = way === 'handle'
    const { transport, peer } = await accepted()
    const errors: unknown[] = []
    transport.receiver = { ...IGNORE, onClose: (error) => errors.push((error as { code?: string }).code) }
    transport.write(Buffer.alloc(8 << 20, 'x'), true)
    expect(transport.pendingBytes).toBeGreaterThan(0)
    peer.resetAndDestroy()
    await waitFor(() => (errors.length > 0 ? true : undefined))
    expect(['ECONNRESET', 'EPIPE']).toContain(errors[0])
    expect(transport.closed).toBe(true)
    expect(transport.write('more')).toBe(true)
    await new Promise((resolve) => setImmediate(resolve))
    expect(errors).toHaveLength(1)
  })

  test('a write that fails at once closes the transport with that error, later', async () => {
    handleWrites.wanted = way === 'handle'
    const { transport, peer } = await accepted()
    const errors: unknown[] = []
    transport.receiver = { ...IGNORE, onClose: (error) => errors.push((error as { code?: string }).code) }
    transport.pause()
    peer.resetAndDestroy()
    await waitFor(() => {
      transport.write('x')
      return errors.length > 0 ? true : undefined
    })
    expect(['ECONNRESET', 'EPIPE']).toContain(errors[0])
  })

  test.each([undefined, new Error('no more')])('destroyed while much is pending: %s', async (error) => {
    handleWrites.wanted = way === 'handle'
    const { transport, peer } = await accepted()
    const closed: unknown[] = []
    transport.receiver = { ...IGNORE, onClose: (why) => closed.push(why) }
    transport.write(Buffer.alloc(8 << 20, 'x'), true)
    transport.destroy(error)
    expect(closed).toEqual([])
    await waitFor(() => (closed.length > 0 ? true : undefined))
    expect(closed).toEqual([error])
    peer.resume()
    await waitFor(() => (peer.destroyed || peer.readableEnded ? true : undefined))
  })
})
