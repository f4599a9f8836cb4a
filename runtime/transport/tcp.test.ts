import { once } from 'node:events'
import * as net from 'node:net'
import { expect, test } from 'vitest'
import { lentBuffers } from './read-buffer.ts'
import { type Pipe, pipe } from './pipe.ts'
import { DEAD_PORT, freePort } from '../testing/ports.ts'
import { SocketTransport } from './socket-transport.ts'
import { dialFirst, dialTcp, listen, tcpUpstream } from './tcp.ts'
import { IGNORE, type Transport } from './transport.ts'

async function echoThrough(mode: 'onread' | 'data') {
  const target = net
    .createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
    .listen(0, '127.0.0.1')
  await once(target, 'listening')
  const { port } = target.address() as net.AddressInfo
  const done: unknown[] = []
  const listener = await listen({ port: 0, mode }, (transport) =>
    pipe(transport, dialTcp('127.0.0.1', port), { onDone: (report) => done.push(report) }),
  )
  return { listener, target, done }
}

for (const mode of ['onread', 'data'] as const) {
  test(`${mode}: bytes and half-close pass both ways`, async () => {
    const { listener, target, done } = await echoThrough(mode)
    const client = net.connect({ port: listener.port, allowHalfOpen: true })
    const sent = Buffer.alloc(3_000_000, Buffer.from(Array.from({ length: 251 }, (_, i) => i)))
    client.end(sent)
    const parts: Buffer[] = []
    for await (const part of client) parts.push(part as Buffer)
    expect(Buffer.concat(parts).equals(sent)).toBe(true)
    await expect
      .poll(() => done)
      .toEqual([{ forwardBytes: sent.length, backwardBytes: sent.length, error: undefined }])
    listener.stop()
    target.close()
    expect(lentBuffers()).toBe(0)
  })
}

test('accepted sockets are read into our own buffers on this Node', async () => {
  const transports: Transport[] = []
  const listener = await listen({ port: 0 }, (transport) => transports.push(transport))
  const client = net.connect(listener.port)
  await expect.poll(() => transports.length).toBe(1)
  expect(listener.mode).toBe('onread')
  expect(transports[0]?.stable).toBe(false)
  expect(transports[0]?.remoteAddress).toBe('127.0.0.1')
  client.destroy()
  listener.stop()
})

test('a refused connection closes the other end, with an abort', async () => {
  const done: { error: Error | undefined }[] = []
  const listener = await listen({ port: 0 }, (transport) =>
    pipe(transport, dialTcp('127.0.0.1', DEAD_PORT), { onDone: (report) => done.push(report) }),
  )
  const client = net.connect(listener.port)
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
  await expect.poll(() => done[0]?.error).toMatchObject({ code: 'ECONNREFUSED' })
  listener.stop()
})

test('a connection to itself counts as refused, and the next address is tried', async () => {
  const port = await freePort()
  // A client of this port that dials this port: what the system may choose for a dead port of its range.
  const toSelf = (transport: SocketTransport): net.Socket =>
    net.connect({
      host: '127.0.0.1',
      port,
      localAddress: '127.0.0.1',
      localPort: port,
      onread: transport.onread as unknown as net.OnReadOpts,
    })
  const closed = (transport: Transport): Promise<Error | undefined> =>
    new Promise((resolve) => {
      transport.receiver = {
        ...IGNORE,
        onOpen: () => resolve(undefined),
        onClose: resolve,
      }
    })
  const transport = new SocketTransport()
  expect(await closed(transport.attach(toSelf(transport), 'onread', false))).toMatchObject({
    code: 'ECONNREFUSED',
    message: `connect ECONNREFUSED 127.0.0.1:${port}`,
  })
  const second = new SocketTransport()
  const next = (error: Error): Error => new AggregateError([error], 'no address is left')
  const dial = { reached: () => expect.unreachable(), next }
  expect(await closed(second.attach(toSelf(second), 'onread', false, dial))).toMatchObject({
    message: 'no address is left',
  })
})

test('a transport that is paused while it connects reads nothing from the next address either', async () => {
  const server = net.createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const events: string[] = []
  const listener = { reached: (host: string) => events.push(host), unreachable: () => events.push('none') }
  // No process listens at 127.0.0.9.
  const transport = dialFirst(['127.0.0.9', '127.0.0.1'], port, listener)
  transport.pause()
  const closed = new Promise<Error | undefined>((resolve) => {
    transport.receiver = {
      ...IGNORE,
      onOpen: () => {
        events.push('open')
        // The bytes of the server have arrived once a second connection has them.
        net.connect(port).on('data', () => {
          events.push('resumed')
          transport.resume()
        })
      },
      onData: (data) => events.push(data.toString()),
      onEnd: () => transport.end(),
      onClose: resolve,
    }
  })
  expect(await closed).toBeUndefined()
  expect(events).toEqual(['127.0.0.1', 'open', 'resumed', 'hello'])
  server.close()
})

test('the key of an upstream has an IPv6 address in brackets', () => {
  expect(tcpUpstream('fd00::4', 25001).key).toBe('[fd00::4]:25001')
  expect(tcpUpstream('10.0.0.4', 25001).key).toBe('10.0.0.4:25001')
})

test('many bulk streams at once stay separate: no read overwrites a buffer while a write is pending', async () => {
  const { listener, target } = await echoThrough('onread')
  const exchange = async (seed: number) => {
    const sent = Buffer.alloc(2_000_000, Buffer.from([seed, seed + 1, seed + 2, seed]))
    const client = net.connect({ port: listener.port, allowHalfOpen: true })
    client.end(sent)
    const parts: Buffer[] = []
    for await (const part of client) parts.push(part as Buffer)
    return Buffer.concat(parts).equals(sent)
  }
  const results = await Promise.all(Array.from({ length: 24 }, (_, i) => exchange(i * 5)))
  expect(results.every(Boolean)).toBe(true)
  listener.stop()
  target.close()
})

test('an idle pipe is cut off after its limit', async () => {
  const target = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(target, 'listening')
  const { port } = target.address() as net.AddressInfo
  const listener = await listen({ port: 0 }, (transport) =>
    pipe(transport, dialTcp('127.0.0.1', port), { idleMs: 30 }),
  )
  const client = net.connect(listener.port)
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
  listener.stop()
  target.close()
})

test('a retiring pipe counts bytes that arrived while its process was suspended', async () => {
  const sockets: net.Socket[] = []
  const target = net
    .createServer((socket) => sockets.push(socket.on('error', () => {}).resume()))
    .listen(0, '127.0.0.1')
  await once(target, 'listening')
  const { port } = target.address() as net.AddressInfo
  const pipes: Pipe[] = []
  const listener = await listen({ port: 0 }, (transport) =>
    pipes.push(pipe(transport, dialTcp('127.0.0.1', port))),
  )
  const client = net.connect(listener.port).resume()
  client.write('first')
  await expect.poll(() => sockets[0]?.bytesRead).toBe(5)
  const ended = new Promise((resolve) => {
    client.once('error', resolve).once('end', () => resolve('normal end'))
  })
  // The timers run right after this, before any socket is polled.
  setImmediate(() => {
    pipes[0]?.retire(40, new Error('stopped'))
    // Only in this direction: where a peer has bytes to read, libuv reports the reset as an end.
    client.write('more')
    const until = performance.now() + 60
    while (performance.now() < until);
  })
  expect(await ended).toMatchObject({ code: 'ECONNRESET' })
  listener.stop()
  target.close()
})

test('an abort right after an end closes the descriptor, although the system resets no such socket', async () => {
  const closed: boolean[] = []
  const listener = await listen({ port: 0 }, (transport) => {
    transport.receiver = {
      ...IGNORE,
      onData() {
        transport.end()
        transport.destroy(new Error('abort'))
      },
      onClose: () => closed.push(true),
    }
  })
  const client = net.connect({ port: listener.port, allowHalfOpen: true })
  client.on('error', () => {})
  client.write('x')
  await expect.poll(() => closed).toEqual([true])
  client.destroy()
  listener.stop()
})
