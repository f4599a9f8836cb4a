import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type ClusterMessage, parseClusterMessage, type Register } from '@branchline/wire/tunnel/control'
import { encodeOpen } from '@branchline/wire/tunnel/frame'
import { TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import { type WebSocket, WebSocketServer } from 'ws'
import { IGNORE } from '../../transport/transport.ts'
import { createLogger } from '../../process/log.ts'
import type { Running } from '../../process/main.ts'
import { TunnelLink, type TunnelStream, type TunnelStreamError } from '../../tunnel/index.ts'
import { until } from '../../testing/until.ts'
import { HandPlan } from './fixture.ts'
import { startGateway } from './gateway.ts'

/** A relay that a test controls. In some tests it is the attacker. */
class Relay {
  readonly server = createHttpServer()
  readonly sockets = new WebSocketServer({ server: this.server, handleProtocols: () => TUNNEL_SUBPROTOCOL })
  readonly links: { link: TunnelLink; socket: WebSocket }[] = []
  readonly messages: ClusterMessage[] = []
  readonly authorizations: (string | undefined)[] = []

  constructor() {
    this.sockets.on('connection', (socket, request) => {
      this.authorizations.push(request.headers.authorization)
      const handlers = {
        onStream: () => {},
        onControl: (_link: TunnelLink, payload: Buffer) =>
          void this.messages.push(parseClusterMessage(payload)),
        onClose: () => {},
      }
      this.links.push({ link: new TunnelLink(socket, { dialler: false, handlers }), socket })
    })
  }

  get url(): URL {
    return new URL(`ws://127.0.0.1:${(this.server.address() as AddressInfo).port}`)
  }
  get link(): TunnelLink {
    return this.links.at(-1)?.link as TunnelLink
  }
}

let relay: Relay
let gateway: Running | undefined
let forbidden: number
const servers: Server[] = []
const logger = createLogger('gateway', 'silent')

beforeEach(async () => {
  forbidden = 0
  relay = new Relay()
  await once(relay.server.listen(0, '127.0.0.1'), 'listening')
})
afterEach(async () => {
  await gateway?.stop()
  gateway = undefined
  for (const { link } of relay.links) link.terminate()
  relay.server.close()
  for (const server of servers.splice(0)) server.close()
})

async function listenTcp(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createServer({ allowHalfOpen: true }, onSocket)
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A port of loopback without a listener. */
async function deadEndpoint(): Promise<string> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `127.0.0.1:${port}`
}

function start(view: HandPlan): void {
  gateway = startGateway({
    view,
    relay: relay.url,
    token: 'secret',
    cluster: 'dev',
    logger,
    onForbidden: () => void forbidden++,
    limits: { drainMs: 50, connectMs: 500 },
  })
}

async function connected(view: HandPlan): Promise<void> {
  if (view.previews().length === 0) view.plan('alice')
  start(view)
  await until(() => relay.messages.length > 0)
}

interface Outcome {
  text: string
  ended: boolean
  error: TunnelStreamError | undefined
}

/** Opens a stream, sends a text and the end, and reads until the stream ends. */
function ask(environment: string, service: string, port: number, text = 'ping'): Promise<Outcome> {
  const stream = relay.link.open({ environment, service, port })
  return outcomeOf(stream, () => {
    stream.write(text)
    stream.end()
  })
}

function outcomeOf(stream: TunnelStream, onOpen: () => void): Promise<Outcome> {
  const outcome: Outcome = { text: '', ended: false, error: undefined }
  return new Promise((resolve) => {
    stream.receiver = {
      ...IGNORE,
      onOpen,
      onData: (data) => (outcome.text += data.toString()),
      onEnd: () => (outcome.ended = true),
      onClose: (error) => {
        outcome.error = error as TunnelStreamError | undefined
        resolve(outcome)
      },
    }
  })
}

const echo = (socket: Socket): void => void socket.pipe(socket)

describe('registration', () => {
  test('sends the planned previews with the credential, then the changes, and reports the relay’s responses', async () => {
    const view = new HandPlan()
    start(view)
    expect(relay.messages).toEqual([])
    view.plan('alice', 'bob')
    await until(() => relay.messages.length === 1)
    expect(relay.authorizations).toEqual(['Bearer secret'])
    expect(relay.messages[0]).toMatchObject({ type: 'register', cluster: 'dev' })
    view.plan('bob', 'carol')
    await until(() => relay.messages.length === 2)
    expect(relay.messages[1]).toMatchObject({ upsert: [{ label: 'web--carol' }], remove: ['web--alice'] })
    relay.link.control({
      type: 'registered',
      previews: [
        { label: 'web--bob', url: 'http://web--bob.localhost:8080' },
        { label: 'web--carol', refusal: 'taken by cluster x' },
      ],
    })
    await until(() => view.reports.size === 2)
    expect(view.reports.get('web--bob')).toEqual({
      state: 'registered',
      url: 'http://web--bob.localhost:8080',
      host: 'web--bob.localhost',
    })
    expect(view.reports.get('web--carol')).toEqual({ state: 'refused', message: 'taken by cluster x' })
  })

  test('of many previews is sent in pages, and all but the last say that more follow', async () => {
    const environments = Array.from({ length: 4_500 }, (_, index) => `branch${index}`)
    start(new HandPlan().plan(...environments))
    await until(() => relay.messages.length === 3)
    expect(relay.messages.map(({ type, ...page }) => [type, 'more' in page && page.more])).toEqual([
      ['register', true],
      ['update', true],
      ['update', false],
    ])
  })

  test('names the process and says whether it leads', async () => {
    await connected(new HandPlan())
    const other = startGateway({
      view: new HandPlan().plan('alice'),
      relay: relay.url,
      token: 'secret',
      cluster: 'dev',
      logger,
    })
    await until(() => relay.messages.length === 2)
    const [one, two] = relay.messages as Register[]
    expect(one).toMatchObject({ cluster: 'dev', leads: false })
    expect(two?.instance).not.toBe(one?.instance)
    other.lead(true)
    await until(() => relay.messages.length === 3)
    expect(relay.messages[2]).toMatchObject({ type: 'update', upsert: [], remove: [], leads: true })
    await other.stop()
  })

  test('with an invalid message from the relay ends the connection, and reaches no status', async () => {
    const view = new HandPlan()
    await connected(view)
    const { link, socket } = relay.links[0] as (typeof relay.links)[0]
    link.control({ type: 'registered', previews: [{ label: 'web--alice', url: 'javascript:alert(1)' }] })
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(4002)
    expect([...view.reports.values()].filter(({ state }) => state === 'registered')).toEqual([])
  })

  test('is repeated after the link was cut; meanwhile the previews are disconnected', async () => {
    const view = new HandPlan()
    await connected(view)
    relay.links[0]?.link.terminate()
    await until(() => view.reports.get('web--alice')?.state === 'disconnected')
    await until(() => relay.messages.length === 2)
    expect(relay.messages.map(({ type }) => type)).toEqual(['register', 'register'])
  })
})

describe('a stream', () => {
  test('reaches an endpoint of the plan, and bytes and ends pass in both directions', async () => {
    const view = new HandPlan().service('alice', 'web', 80, await listenTcp(echo))
    await connected(view)
    expect(await ask('alice', 'web', 80, 'x'.repeat(300_000))).toEqual({
      text: 'x'.repeat(300_000),
      ended: true,
      error: undefined,
    })
  })

  test('delivers the bytes of a server that sends first', async () => {
    const endpoint = await listenTcp((socket) => void socket.end('220 hello\r\n'))
    const view = new HandPlan()
      .service('alice', 'mail', 25, endpoint)
      .also({ environment: 'alice', service: 'mail', port: 25 })
    await connected(view)
    const stream = relay.link.open({ environment: 'alice', service: 'mail', port: 25 })
    expect(await outcomeOf(stream, () => stream.end())).toMatchObject({ text: '220 hello\r\n', ended: true })
  })

  test('tries the next endpoint if one refuses, and reports it if all refuse', async () => {
    const dead = await deadEndpoint()
    const view = new HandPlan()
      .service('alice', 'web', 80, dead, dead, await listenTcp(echo))
      .service('alice', 'gone', 80, dead, dead)
      .service('alice', 'empty', 80)
      .plan('alice')
      .also(...['gone', 'empty'].map((service) => ({ environment: 'alice', service, port: 80 })))
    await connected(view)
    for (let round = 0; round < 3; round++)
      expect(await ask('alice', 'web', 80)).toMatchObject({ text: 'ping' })
    expect((await ask('alice', 'gone', 80)).error).toMatchObject({ fault: 'connect' })
    expect((await ask('alice', 'empty', 80)).error).toMatchObject({ fault: 'unavailable' })
  })

  test('to a service without a ready endpoint says why, as the cluster reports it', async () => {
    const view = new HandPlan()
      .plan('alice')
      .down('alice', 'web', 80, 'exited with code 1: DB_URL is not set')
    await connected(view)
    const { error } = await ask('alice', 'web', 80)
    expect(error).toMatchObject({
      fault: 'unavailable',
      message: 'web of alice exited with code 1: DB_URL is not set',
    })
  })

  test('ends at once on both sides when the link is cut', async () => {
    const sockets: Socket[] = []
    const endpoint = await listenTcp((socket) => {
      sockets.push(socket.resume().on('error', () => {}))
    })
    await connected(new HandPlan().service('alice', 'web', 80, endpoint))
    const stream = relay.link.open({ environment: 'alice', service: 'web', port: 80 })
    const outcome = outcomeOf(stream, () => stream.write('half'))
    await until(() => (sockets[0]?.bytesRead ?? 0) > 0)
    relay.link.terminate()
    expect((await outcome).error).toMatchObject({ fault: 'lost' })
    await until(() => sockets[0]?.closed === true)
  })

  test('a slow reader slows the writer down, so that memory stays bounded over 64 MiB', async () => {
    const total = 64 * 1024 * 1024
    let written = 0
    const endpoint = await listenTcp((socket) => {
      const chunk = Buffer.alloc(256 * 1024)
      const more = (): void => {
        while (written < total) {
          written += chunk.length
          if (!socket.write(chunk)) return void socket.once('drain', more)
        }
        socket.end()
      }
      more()
    })
    await connected(new HandPlan().service('alice', 'web', 80, endpoint))
    const stream = relay.link.open({ environment: 'alice', service: 'web', port: 80 })
    let read = 0
    const closed = new Promise<void>((resolve) => {
      stream.receiver = {
        ...IGNORE,
        onOpen: () => stream.end(),
        onData: (data) => {
          read += data.length
          stream.pause()
          setImmediate(() => stream.resume())
          // The kernel's loopback buffers hold some MiB. The rest is ours.
          if (written - read > 24 * 1024 * 1024) stream.destroy(new Error('runs ahead'))
        },
        onClose: () => resolve(),
      }
    })
    await closed
    expect(read).toBe(total)
  })
})

/**
 * Attack: a relay that is malicious or compromised makes a cluster dial what the relay chooses: cloud metadata, the
 * API server, the database of another environment. Fix: a stream names environment, service and port, which must be
 * the target of a preview. Only the plan provides addresses, and a name cannot be an address. lapdev's cluster tunnel
 * dialled any host and port.
 */
describe('dialling at the request of a relay', () => {
  test.each([
    ['alice', 'web', 22],
    ['alice', 'kubernetes', 443],
    ['alice', 'database', 5432],
    ['bob', 'web', 80],
    ['kube-system', 'web', 80],
  ])('%s/%s:%d is not the target of a preview, and is not dialled', async (environment, service, port) => {
    let dialled = 0
    const endpoint = await listenTcp(() => void dialled++)
    const view = new HandPlan()
      .service('alice', 'web', 80, endpoint)
      .service('alice', 'database', 5432, endpoint)
      .service('bob', 'web', 80, endpoint)
    await connected(view)
    expect((await ask(environment, service, port)).error).toMatchObject({
      fault: 'forbidden',
      message: `${environment}/${service}:${port} is not the target of a preview`,
    })
    expect({ dialled, resolved: view.resolved, forbidden }).toEqual({
      dialled: 0,
      resolved: [],
      forbidden: 1,
    })
  })

  test('the targets of previews change with the plan', async () => {
    const endpoint = await listenTcp(echo)
    const view = new HandPlan()
      .service('alice', 'web', 80, endpoint)
      .service('bob', 'web', 80, endpoint)
      .plan('alice')
    await connected(view)
    view.plan('bob')
    expect((await ask('alice', 'web', 80)).error).toMatchObject({ fault: 'forbidden' })
    expect(await ask('bob', 'web', 80)).toMatchObject({ text: 'ping' })
  })

  test('a thousand such streams are counted and logged in one line', async () => {
    const warned = vi.spyOn(logger, 'warn')
    await connected(new HandPlan())
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => ask('alice', 'web', index + 1_000)))
    expect(forbidden).toBe(1_000)
    expect(warned.mock.calls.filter(([, text]) => /not a preview’s/.test(String(text)))).toHaveLength(1)
    warned.mockRestore()
  })

  test.each(['169.254.169.254', 'localhost:25080', '../alice', 'web.alice.svc', 'a b', ''])(
    'an OPEN of %j ends the connection, and the plan resolves nothing',
    async (service) => {
      const view = new HandPlan()
      await connected(view)
      const { socket } = relay.links[0] as (typeof relay.links)[0]
      socket.send(encodeOpen(2, { environment: 'alice', service, port: 80 }))
      const [code] = (await once(socket, 'close')) as [number]
      expect(code).toBe(4002)
      expect(view.resolved).toEqual([])
    },
  )
})
