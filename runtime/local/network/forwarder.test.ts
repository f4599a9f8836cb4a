import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Endpoint } from './dial.ts'
import { Forwarder } from './forwarder.ts'
import { until } from '../../testing/until.ts'

const LARGE = 32 * 1024 * 1024
const HOST = '127.0.0.1'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function serve(handle: (socket: Socket) => void): Promise<Endpoint> {
  const server: Server = createServer({ allowHalfOpen: true }, handle)
  server.listen(0, HOST)
  await once(server, 'listening')
  closers.push(() => server.close())
  return { host: HOST, port: (server.address() as { port: number }).port }
}

async function forward(endpoints: () => readonly Endpoint[], source?: string): Promise<Forwarder> {
  const from = source === undefined ? {} : { source: () => source }
  const forwarder = await Forwarder.open({ host: HOST, port: 0, owner: 'test', endpoints, ...from })
  closers.push(() => forwarder.close())
  return forwarder
}

function call({ port }: Forwarder): Socket {
  const socket = connect({ host: HOST, port, allowHalfOpen: true })
  socket.on('error', () => undefined)
  closers.push(() => socket.destroy())
  return socket
}

/** Everything that a socket receives until its end. The other direction stays open. */
async function textOf(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(socket, 'end')
  return text
}

/** A port without a listener. */
async function dead(): Promise<Endpoint> {
  const endpoint = await serve(() => undefined)
  closers.pop()?.()
  return endpoint
}

test('half-close: an end is forwarded, and a later response still arrives', async () => {
  const endpoint = await serve((socket) => {
    void textOf(socket).then((received) => socket.end(`received ${received}`))
  })
  const socket = call(await forward(() => [endpoint]))
  socket.end('all of it')
  expect(await textOf(socket)).toBe('received all of it')
})

test('half-close the other way: a server that has ended its direction still receives', async () => {
  const heard: Promise<string>[] = []
  const endpoint = await serve((socket) => {
    heard.push(textOf(socket))
    socket.end('bye')
  })
  const socket = call(await forward(() => [endpoint]))
  expect(await textOf(socket)).toBe('bye')
  socket.end('afterwards')
  await until(() => heard.length === 1, 'the connection')
  expect(await heard[0]).toBe('afterwards')
})

test('32 MiB pass unchanged in both directions at once', async () => {
  const endpoint = await serve((socket) => {
    socket.pipe(socket)
  })
  const socket = call(await forward(() => [endpoint]))
  const block = Buffer.alloc(64 * 1024)
  for (let index = 0; index < block.length; index++) block[index] = (index * 31) % 251
  let wrong = 0
  let received = 0
  socket.on('data', (chunk: Buffer) => {
    const at = received % block.length
    const wanted = Buffer.concat([block, block, block]).subarray(at, at + chunk.length)
    if (!chunk.equals(wanted)) wrong++
    received += chunk.length
  })
  for (let sent = 0; sent < LARGE; sent += block.length) {
    if (!socket.write(block)) await once(socket, 'drain')
  }
  socket.end()
  await once(socket, 'end')
  expect({ received, wrong }).toEqual({ received: LARGE, wrong: 0 })
})

test('if an endpoint does not accept, the next one is tried, and without one the connection is reset', async () => {
  const [gone, there] = [await dead(), await serve((socket) => socket.end('here'))]
  let endpoints = [gone, there]
  const forwarder = await forward(() => endpoints)
  for (let index = 0; index < 4; index++) expect(await textOf(call(forwarder))).toBe('here')
  endpoints = [gone]
  const [error] = (await once(call(forwarder), 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
})

test("a connection uses the given source address, and a peer's reset is forwarded", async () => {
  const endpoint = await serve((socket) => {
    socket.write(String(socket.remoteAddress))
    socket.once('data', () => socket.resetAndDestroy())
  })
  const socket = call(await forward(() => [endpoint], '127.0.9.9'))
  const [address] = (await once(socket, 'data')) as [Buffer]
  expect(String(address)).toBe('127.0.9.9')
  socket.write('now')
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
})

/** The lowest port on which every user may listen. 0 where the system does not say. */
function firstFreePort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  } catch {
    return 0
  }
}

test.skipIf(firstFreePort() <= 80)(
  'a port that needs a right is an error with its remedy, unless it may move',
  () => {
    const open = (remedy: string): string => {
      const script = `
      import { Forwarder } from ${JSON.stringify(new URL('forwarder.ts', import.meta.url).href)}
      if (process.getuid() === 0) process.setuid(65534)
      const options = { host: '127.0.0.1', port: 80, owner: 'the relay', endpoints: () => [], ${remedy} }
      const opened = await Forwarder.open(options).catch((error) => error)
      console.log(opened.message ?? opened.port)
      opened.close?.()`
      return execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
      }).trim()
    }
    expect(open(`remedy: 'choose another port'`)).toBe(
      'port 80 of 127.0.0.1, which the relay needs, needs a right that you do not have: choose another port',
    )
    expect(Number(open(''))).toBeGreaterThanOrEqual(1024)
  },
)
