import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask, rawExchange, see, target, World } from '../fixture/world.ts'
import { DEAD_PORT } from '../../testing/ports.ts'
import { until } from '../../testing/until.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world.close())

const greeter = (greeting: Buffer) => (socket: Socket) => {
  socket.write(greeting)
  socket.on('end', () => socket.end()).resume()
}

/** Connects, sends nothing, and returns the first bytes that arrive. */
async function listenFirst(port: number): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  const [heard] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return heard
}

const GREETINGS: readonly (readonly [string, Buffer])[] = [
  ['SMTP', Buffer.from('220 mail.example.com ESMTP\r\n')],
  // Protocol::HandshakeV10: length, sequence, version 10, "8.4.0", thread, salt, capabilities, charset, status, plugin.
  [
    'MySQL',
    Buffer.concat([
      Buffer.from('490000000a', 'hex'),
      Buffer.from('8.4.0\0'),
      Buffer.from(
        '08000000010203040506070800ffffff0200ffdf15000000000000000000000102030405060708090a0b0c00',
        'hex',
      ),
      Buffer.from('caching_sha2_password\0'),
    ]),
  ],
]

test.each(GREETINGS)(
  'the greeting of %s, which sends first, arrives at once on a declared port',
  async (_, greeting) => {
    const app = await world.tcpApp(greeter(greeting))
    // An undeclared port would wait for the client longer than the test may take.
    const limits = { opening: { silenceMs: 600_000 } }
    const { port } = await world.pod({ appPort: app, protocol: 'tcp', limits })
    expect(await listenFirst(port)).toEqual(greeting)
  },
)

test.each(GREETINGS)(
  'the greeting of %s arrives on an undeclared port after 50 ms of silence',
  async (_, greeting) => {
    const app = await world.tcpApp(greeter(greeting))
    const { port } = await world.pod({ appPort: app, protocol: 'auto' })
    const before = performance.now()
    expect(await listenFirst(port)).toEqual(greeting)
    expect(performance.now() - before).toBeGreaterThan(40)
  },
)

test('bytes pass unchanged in both directions, in any size, and each direction ends separately', async () => {
  const app = await world.tcpApp((socket) => {
    const hash = createHash('sha256')
    // Responds only after the client's end, so the other direction must still be open.
    socket.on('data', (chunk: Buffer) => hash.update(chunk)).on('end', () => socket.end(hash.digest('hex')))
  })
  const { port } = await world.pod({ appPort: app, protocol: 'tcp' })
  const bytes = randomBytes(3_000_000)
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end(bytes)
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
  await once(socket, 'end')
  expect(answer).toBe(createHash('sha256').update(bytes).digest('hex'))
  socket.destroy()
})

test('an undeclared port routes HTTP by its key, also in pieces', async () => {
  const [local, alice] = await Promise.all([world.app('baseline'), world.app('alice')])
  const routes = { routes: { alice: target('alice', [alice]) } }
  const { port } = await world.pod({ appPort: local, protocol: 'auto', routes })
  expect((await see(port, { headers: { tracestate: 'branchline=alice' } })).app).toBe('alice')
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  for (const piece of [
    'G',
    'ET /x',
    ' HTTP/1.1\r',
    '\nhost: a\r\ntracestate: branch',
    'line=alice\r\n\r\n',
  ]) {
    await new Promise((resolve) => void socket.write(piece, resolve))
  }
  await until(() => text.includes('"app":"alice"'))
  socket.destroy()
})

test.each(['PRI * HTTP/3.0\r\n', 'EHLO a\r\n', '\x00\x01', 'GET'])(
  'on an undeclared port, %j reaches the app unchanged',
  async (bytes) => {
    const app = await world.tcpApp((socket) => socket.pipe(socket))
    const { port } = await world.pod({ appPort: app, protocol: 'auto' })
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.end(bytes)
    let echoed = ''
    socket.on('data', (chunk: Buffer) => (echoed += chunk.toString('latin1')))
    await once(socket, 'end')
    expect(echoed).toBe(bytes)
    socket.destroy()
  },
)

test('a connection is routed by its caller’s pod', async () => {
  const local = await world.tcpApp((socket) => socket.end('baseline'))
  const alice = await world.tcpApp((socket) => socket.end('alice'))
  const { port } = await world.pod({
    appPort: local,
    protocol: 'tcp',
    routes: { routes: { alice: target('alice', [alice]) } },
    callers: { '127.0.0.2': 'alice', '127.0.0.3': 'bob' },
  })
  expect(await rawExchange(port, '', '127.0.0.2')).toBe('alice')
  expect(await rawExchange(port, '', '127.0.0.3')).toBe('baseline')
  expect(await rawExchange(port, '', '127.0.0.4')).toBe('baseline')
})

test('a dead override falls back by its rule, and a dead app closes the connection', async () => {
  const local = await world.tcpApp((socket) => socket.end('baseline'))
  const dead = DEAD_PORT
  const routes = { alice: target('alice', [dead]), strict: target('strict', [dead], 'fail') }
  const callers = { '127.0.0.2': 'alice', '127.0.0.3': 'strict' }
  const { port, route } = await world.pod({ appPort: local, protocol: 'tcp', routes: { routes }, callers })
  expect(await rawExchange(port, '', '127.0.0.2')).toBe('baseline')
  expect(await rawExchange(port, '', '127.0.0.3')).toBe('')
  await route({ routes: { strict: target('strict', [], 'fail') } })
  expect(await rawExchange(port, '', '127.0.0.3')).toBe('')
  const alone = await world.pod({ appPort: dead, protocol: 'tcp' })
  expect(await rawExchange(alone.port, 'hello')).toBe('')
})

test('a reset by the app reaches the client as a reset', async () => {
  const app = await world.tcpApp((socket) => socket.once('data', () => socket.resetAndDestroy()))
  const { port } = await world.pod({ appPort: app, protocol: 'tcp' })
  const socket = connect(port, '127.0.0.1')
  socket.write('x')
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
})

test('open connections are counted, and none stays counted after its end', async () => {
  const app = await world.tcpApp((socket) => socket.pipe(socket))
  const strict = { strict: target('strict', [DEAD_PORT], 'fail') }
  const callers = { '127.0.0.3': 'strict' }
  const { port, sidecar } = await world.pod({
    appPort: app,
    protocol: 'tcp',
    routes: { routes: strict },
    callers,
  })
  const count = async (): Promise<string | undefined> => {
    const { text } = await ask(sidecar.adminPort, { path: '/metrics' })
    return /connections\{mode="raw"\} (\d+)/.exec(text)?.[1]
  }
  const open = connect(port, '127.0.0.1')
  open.write('x')
  await once(open, 'data')
  expect(await count()).toBe('1')
  open.resetAndDestroy()
  await rawExchange(port, '', '127.0.0.3')
  connect(port, '127.0.0.1').once('connect', function leave(this: Socket) {
    this.resetAndDestroy()
  })
  await until(async () => (await count()) === '0')
})
