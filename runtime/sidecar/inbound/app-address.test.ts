import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Protocol } from '@branchline/wire/inbound'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { AccessLog } from '../telemetry/access-log.ts'
import { ALL_HOSTS, possibleAppHosts } from '../app.ts'
import { cleanUp, later } from '../../testing/cleanups.ts'
import { freePortAt, listenOn } from '../../testing/ports.ts'
import { type Answer, ask, type Pod, target, World } from '../fixture/world.ts'

/** What stands for the address of a pod. */
const POD = '127.0.0.9'
const appHosts = possibleAppHosts([POD])

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await cleanUp()
  await world.close()
})

/** Serves at one address alone; the result ends it, connections and all. */
async function serve(server: Server, host: string, port: number): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
  })
  await listenOn(server, port, host)
  const end = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  later(end)
  return end
}

const pod = (appPort: number, protocol: Protocol = 'http'): Promise<Pod> =>
  world.pod({ appPort, protocol, config: { appHosts, accessLog: 'errors' } })

const http1 = (name: string): Server =>
  createHttpServer((request, response) => {
    let text = name
    request.on('data', (data: Buffer) => (text += ` ${data.toString()}`))
    request.on('end', () => response.end(text))
  })

const http2 = (name: string): Server =>
  createHttp2Server((request, response) => {
    request.resume().on('end', () => response.end(name))
  })

/** A request over a connection of its own. */
async function askHttp2(port: number): Promise<Pick<Answer, 'status' | 'text'>> {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  const stream = session.request({ ':path': '/' })
  let [status, text] = [0, '']
  stream.on('response', (headers) => (status = headers[':status'] ?? 0))
  stream.on('data', (data: Buffer) => (text += data.toString()))
  await once(stream, 'close')
  session.close()
  return { status, text }
}

/** All that comes to a client that says nothing. */
async function hear(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port }).on('error', () => {})
  let text = ''
  socket.on('data', (data: Buffer) => (text += data.toString()))
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

describe.each(appHosts)('an app that listens at %s alone is reached', (host) => {
  test('with HTTP/1.1, with a body that is sent once', async () => {
    const port = await freePortAt(appHosts)
    await serve(http1('one'), host, port)
    const sidecar = await pod(port)
    expect(await ask(sidecar.port, { method: 'POST', body: 'body' })).toMatchObject({ text: 'one body' })
    expect(await ask(sidecar.port)).toMatchObject({ status: 200, text: 'one' })
  })

  test('with HTTP/2', async () => {
    const port = await freePortAt(appHosts)
    await serve(http2('two'), host, port)
    expect(await askHttp2((await pod(port, 'http2')).port)).toEqual({ status: 200, text: 'two' })
  })

  test.each(['tcp', 'auto'] as const)('on a %s port whose app speaks first', async (protocol) => {
    const port = await freePortAt(appHosts)
    await serve(
      createServer((socket) => socket.end('hello')),
      host,
      port,
    )
    expect(await hear((await pod(port, protocol)).port)).toBe('hello')
  })
})

test('an app that comes back at another address is found by the next request', async () => {
  const port = await freePortAt(appHosts)
  const { port: entry } = await pod(port)
  for (const host of [POD, '::1', '127.0.0.1', POD]) {
    const end = await serve(http1(host), host, port)
    expect(await ask(entry, { method: 'POST', body: 'b' })).toMatchObject({ status: 200, text: `${host} b` })
    await end()
  }
})

test('an app that listens nowhere is one 502, and the log alone says where it was looked for', async () => {
  const add = vi.spyOn(AccessLog.prototype, 'add').mockReturnValue()
  const port = await freePortAt(appHosts)
  const { port: entry } = await pod(port)
  const answers = [await ask(entry, { headers: { accept: 'text/html' } }), await askHttp2(entry)]
  expect(answers.map(({ status }) => status)).toEqual([502, 502])
  for (const { text } of answers) expect(text).not.toMatch(/ECONNREFUSED|127\.0\.0|::1/)
  const refused = appHosts.map((host) => `connect ECONNREFUSED ${host}:${port}`).join(', ')
  const detail = `the upstream cannot be reached: ${refused}`
  expect(add.mock.calls.map(([entry]) => entry)).toMatchObject([
    { status: 502, endpoint: `localhost:${port}`, detail },
    { status: 502, endpoint: `localhost:${port}`, detail },
  ])
})

test.each(['tcp', 'auto'] as const)(
  'a %s port whose app listens nowhere ends the connection',
  async (protocol) => {
    const port = await freePortAt(appHosts)
    const sidecar = await world.pod({
      appPort: port,
      protocol,
      config: { appHosts },
      limits: { opening: { firstByteMs: 20 } },
    })
    expect(await hear(sidecar.port)).toBe('')
  },
)

test('a sidecar serves at all addresses, as kubectl port-forward dials loopback', async () => {
  const app = await world.app('app')
  const { port } = await world.pod({ appPort: app, config: { hosts: ALL_HOSTS } })
  for (const host of ['127.0.0.1', '::1', POD]) expect((await ask(port, { host })).status).toBe(200)
})

test('a caller is known by its address, also at a sidecar that serves at all addresses', async () => {
  const name = (text: string) => world.tcpApp((socket) => socket.end(text))
  const [base, branch] = [await name('base'), await name('branch')]
  const sidecar = await world.pod({ appPort: base, protocol: 'tcp', config: { hosts: ALL_HOSTS } })
  expect(await hear(sidecar.port)).toBe('base')
  await sidecar.route({ routes: { alice: target('alice', [branch]) } }, { '127.0.0.1': 'alice' })
  expect(await hear(sidecar.port)).toBe('branch')
})

test('a sidecar serves in a pod that has IPv6 alone', async () => {
  const port = await freePortAt(['::1'])
  const appPort = await freePortAt(appHosts)
  await serve(http1('six'), '::1', appPort)
  await world.pod({
    appPort,
    config: {
      hosts: ['::1'],
      appHosts: possibleAppHosts(['::1']),
      inbound: [{ port, appPort, protocol: 'http' }],
    },
  })
  expect(await ask(port, { host: '::1' })).toMatchObject({ status: 200, text: 'six' })
})

test('an app port that is the own listener is a dead app, and no circle', async () => {
  const port = await freePortAt(appHosts)
  const inbound = [{ port, appPort: port, protocol: 'http' as const }]
  const add = vi.spyOn(AccessLog.prototype, 'add').mockReturnValue()
  const config = { hosts: [POD], appHosts, inbound, accessLog: 'errors' as const }
  await world.pod({ appPort: port, config })
  expect((await ask(port, { host: POD })).status).toBe(502)
  const detail = `connect ECONNREFUSED 127.0.0.1:${port}, connect ECONNREFUSED ::1:${port}`
  expect(add.mock.calls).toMatchObject([[{ detail: `the upstream cannot be reached: ${detail}` }]])
})
