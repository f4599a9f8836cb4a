import * as grpc from '@grpc/grpc-js'
import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ROUTED_HEADER } from '@branchline/wire/names'
import { keyed, target, World } from '../fixture/world.ts'
import { cleanUp, later } from '../../testing/cleanups.ts'
import { DEAD_PORT } from '../../testing/ports.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(async () => {
  await cleanUp()
  await world.close()
})

const bytes = (buffer: Buffer): Buffer => buffer
const WHO = {
  unary: {
    path: '/test.Who/Ask',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
}

/** A gRPC app that responds with its name and the metadata that it received. Returns its port. */
async function app(name: string): Promise<number> {
  const server = new grpc.Server()
  server.addService(WHO, {
    unary: ((call, callback) => {
      const metadata = call.metadata.getMap()
      callback(null, Buffer.from(JSON.stringify({ app: name, metadata })))
    }) satisfies grpc.handleUnaryCall<Buffer, Buffer>,
  })
  later(() => server.forceShutdown())
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    )
  })
}

interface Seen {
  readonly app: string
  readonly metadata: Record<string, string>
}
type Ask = (fields?: Record<string, string>) => Promise<Seen>

/** A client with one channel. */
function client(port: number): Ask {
  const Client = grpc.makeGenericClientConstructor(WHO, 'Who')
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
  later(() => client.close())
  return (fields = {}) => {
    const metadata = new grpc.Metadata()
    for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
    return new Promise((resolve, reject) => {
      const { path } = WHO.unary
      client.makeUnaryRequest(
        path,
        bytes,
        bytes,
        Buffer.alloc(0),
        metadata,
        { deadline: Date.now() + 5_000 },
        (error, reply) => {
          if (error !== null) reject(error)
          else resolve(JSON.parse((reply as Buffer).toString()) as Seen)
        },
      )
    })
  }
}

test.each(['grpc', 'http2', 'auto'] as const)(
  'each call of one channel is routed by its own key: %s',
  async (protocol) => {
    const [local, alice, bob] = await Promise.all([app('baseline'), app('alice'), app('bob')])
    const routes = { routes: { alice: target('alice', [alice]), bob: target('bob', [bob]) } }
    const { port } = await world.pod({ appPort: local, protocol, routes })
    const ask = client(port)
    const keys = Array.from({ length: 300 }, (_, index) => ['alice', 'bob', 'nobody', undefined][index % 4])
    const seen = await Promise.all(keys.map((key) => ask(key === undefined ? {} : keyed(key))))
    expect(seen.map((one) => one.app)).toEqual(
      keys.map((key) => (key === undefined || key === 'nobody' ? 'baseline' : key)),
    )
    expect(seen[0]?.metadata).toMatchObject({ ...keyed('alice'), [ROUTED_HEADER]: 'alice' })
    expect(seen[3]?.metadata).not.toHaveProperty(ROUTED_HEADER)
  },
)

test('a call from a branch’s pod gets the branch’s key, and the next call follows a changed table', async () => {
  const [local, alice, next] = await Promise.all([app('baseline'), app('alice'), app('next')])
  const routes = { routes: { alice: target('alice', [alice]) } }
  const callers = { '127.0.0.1': 'alice' }
  const pod = await world.pod({ appPort: local, protocol: 'grpc', routes, callers })
  const ask = client(pod.port)
  expect(await ask()).toMatchObject({ app: 'alice', metadata: { tracestate: 'branchline=alice' } })
  await pod.route({ routes: { alice: target('alice', [next]) } })
  expect((await ask()).app).toBe('next')
  await pod.route({ routes: {} })
  expect((await ask()).app).toBe('baseline')
})

test('a dead override falls back by its rule, and fail is UNAVAILABLE with a sentence', async () => {
  const local = await app('baseline')
  const routes = {
    soft: target('soft', [DEAD_PORT]),
    hard: target('hard', [DEAD_PORT], 'fail'),
    none: target('none', [], 'fail'),
  }
  const { port } = await world.pod({ appPort: local, protocol: 'grpc', routes: { routes } })
  const ask = client(port)
  expect((await ask(keyed('soft'))).app).toBe('baseline')
  for (const key of ['hard', 'none']) {
    const error = (await ask(keyed(key)).catch((error: unknown) => error)) as grpc.ServiceError
    expect(error.code).toBe(grpc.status.UNAVAILABLE)
    expect(error.details).toContain(`api of the environment ${key}`)
  }
})

test.each(['baseline', 'hold', 'fail'] as const)(
  'an override that received a call and closed is UNAVAILABLE and named under %s, and no other version responds',
  async (rule) => {
    const dying = createServer()
    let received = 0
    dying.on('stream', (stream) => {
      received++
      stream.on('error', () => {})
      stream.session?.destroy()
    })
    dying.listen(0, '127.0.0.1')
    await once(dying, 'listening')
    later(() => dying.close())
    const routes = { alice: target('alice', [(dying.address() as AddressInfo).port], rule) }
    const { port } = await world.pod({ appPort: await app('baseline'), protocol: 'grpc', routes: { routes } })
    const error = (await client(port)(keyed('alice')).catch((error: unknown) => error)) as grpc.ServiceError
    expect(error.code).toBe(grpc.status.UNAVAILABLE)
    expect(error.details).toContain('api of the environment alice received the request and closed')
    expect(received).toBe(1)
  },
)

test('a configured Via is added after existing entries', async () => {
  const appPort = await app('baseline')
  const { port } = await world.pod({ appPort, protocol: 'grpc', config: { via: 'branchline' } })
  expect((await client(port)({ via: '1.1 first' })).metadata['via']).toBe('1.1 first, 2.0 branchline')
  const plain = await world.pod({ appPort, protocol: 'grpc' })
  expect((await client(plain.port)()).metadata).not.toHaveProperty('via')
})

test('an HTTP/2 request that is not a gRPC call passes an undeclared port', async () => {
  const local = await app('baseline')
  const { port } = await world.pod({ appPort: local, protocol: 'auto' })
  const session = connect(`http://127.0.0.1:${port}`)
  later(() => session.destroy())
  const stream = session.request({ ':path': '/nothing' })
  const status = await new Promise((resolve, reject) => {
    stream.on('response', (headers) => resolve(headers[':status'])).on('error', reject)
  })
  // grpc-js responds like this to a request that is not a gRPC call.
  expect(status).toBe(415)
})
