import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { environmentOf, manifestsOf, type Program, RunningProgram } from '../harness/programs.ts'
import { note } from '../harness/test-stories.ts'
import { until } from '../harness/until.ts'

/** A front that only the baseline runs, and the service behind it that the branch changes, see ../websocket. */
const programOf = (name: string, env: Record<string, string>): Program => ({
  name,
  image: 'websocket',
  folder: join(import.meta.dirname, '../websocket'),
  command: 'node service.ts',
  env,
  port: 8000,
  appProtocol: 'http',
  ready: '/',
})
const door = programOf('door', { UPSTREAM: 'http://echo:8000' })
const echo = (version: string): Program => programOf('echo', { VERSION: version })
const VERSIONS = { sockets: '1', 'new-echo': '2' }
type Environment = keyof typeof VERSIONS
const ENVIRONMENTS = Object.keys(VERSIONS) as Environment[]
const OPEN_TIMEOUT_MS = 30_000
const CLOSED_TIMEOUT_MS = 30_000

let program: RunningProgram
const open: WebSocket[] = []

/** A connection through an environment's preview URL, and the greeting of the service. */
async function connected(
  environment: Environment,
  path = '/',
  protocols: string[] = [],
): Promise<Connection> {
  const { host, port } = new URL(await program.urlOf(environment, 'door'))
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, {
    headers: { host },
    handshakeTimeout: OPEN_TIMEOUT_MS,
  })
  open.push(socket)
  const messages: Message[] = []
  let wake: () => void = () => undefined
  socket.on('message', (data: Buffer, binary) => {
    messages.push({ data, binary })
    wake()
  })
  const closed = new Promise<[number, Buffer]>((resolve) =>
    socket.once('close', (...closing) => resolve(closing)),
  )
  const next = async (): Promise<Message> => {
    while (messages.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return messages.shift() as Message
  }
  const greeting = (await Promise.race([next(), failed(socket)])).data.toString()
  return { socket, greeting, next, closed }
}

interface Message {
  readonly data: Buffer
  readonly binary: boolean
}
interface Connection {
  readonly socket: WebSocket
  readonly greeting: string
  readonly next: () => Promise<Message>
  readonly closed: Promise<[number, Buffer]>
}

async function failed(socket: WebSocket): Promise<never> {
  const [error] = (await once(socket, 'error')) as [Error]
  throw error
}

async function greets(environment: Environment): Promise<void> {
  expect((await connected(environment)).greeting).toBe(VERSIONS[environment])
}

beforeAll(async () => {
  const whole = manifestsOf('sockets', door) + manifestsOf('sockets', echo(VERSIONS.sockets))
  const branch = manifestsOf('new-echo', echo(VERSIONS['new-echo']))
  program = await RunningProgram.start({
    sockets: environmentOf('sockets', [door, echo('')]) + whole,
    'new-echo': environmentOf('new-echo', [door, echo('')], 'sockets') + branch,
  })
  for (const environment of ENVIRONMENTS) {
    await program.ready(environment, () => greets(environment))
  }
})
afterAll(async () => {
  for (const socket of open) socket.terminate()
  await program?.stop()
})

test('an upgrade reaches the branch by its key, through a service that the branch does not run', async () => {
  const wanted = Array.from({ length: 60 }, (_, index) => ENVIRONMENTS[index % 2] as Environment)
  const greetings = await Promise.all(wanted.map(async (name) => (await connected(name)).greeting))
  expect(greetings).toEqual(wanted.map((name) => VERSIONS[name]))
})

// Lengths at which the length field of a frame changes its size (RFC 6455, 5.2), and a length of many TCP segments.
const LENGTHS = [0, 1, 125, 126, 65_535, 65_536, 1024 * 1024]

test.each(ENVIRONMENTS)('messages and subprotocol pass as they are: %s', async (environment) => {
  const { socket, next } = await connected(environment, '/', ['story.v1', 'story.v2'])
  expect(socket.protocol).toBe('story.v2')
  const sent = LENGTHS.flatMap((length): Message[] => [
    { data: randomBytes(length), binary: true },
    { data: Buffer.from('é'.repeat(length / 2)), binary: false },
  ])
  for (const { data, binary } of sent) socket.send(data, { binary })
  for (const { data, binary } of sent) {
    const answer = await next()
    expect(answer.binary).toBe(binary)
    expect(answer.data.equals(data)).toBe(true)
  }
  const payload = randomBytes(125)
  const pong = once(socket, 'pong') as Promise<[Buffer]>
  socket.ping(payload)
  expect((await pong)[0].equals(payload)).toBe(true)
})

test.each(ENVIRONMENTS)('a close keeps its code and reason in both directions: %s', async (environment) => {
  const fromService = await connected(environment, '/close/4001/see%20you')
  const [code, reason] = await fromService.closed
  expect([code, reason.toString()]).toEqual([4001, 'see you'])

  const fromVisitor = await connected(environment)
  const bye = `bye ${randomBytes(4).toString('hex')}`
  fromVisitor.socket.close(4002, bye)
  expect((await fromVisitor.closed)[0]).toBe(4002)
  const { ms } = await until(
    'the close',
    async () => {
      const { version, closes } = await program.said<{ version: string; closes: string[] }>(
        environment,
        'echo',
      )
      expect(version).toBe(VERSIONS[environment])
      expect(closes).toContain(`4002 ${bye}`)
    },
    CLOSED_TIMEOUT_MS,
  )
  note(`${environment}: the service saw the close within ${ms} ms`)
})

test('the service sees an abnormal close when a visitor disappears', async () => {
  const before = await aborted()
  ;(await connected('new-echo')).socket.terminate()
  await until('the close', async () => expect(await aborted()).toBe(before + 1), CLOSED_TIMEOUT_MS)
})

/** Returns the number of connections of the branch's service that ended without a close frame (RFC 6455, 7.1.5). */
async function aborted(): Promise<number> {
  const { closes } = await program.said<{ closes: string[] }>('new-echo', 'echo')
  return closes.filter((close) => close.startsWith('1006')).length
}
