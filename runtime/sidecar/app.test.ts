import { createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { IGNORE, type Upstream } from '../transport/transport.ts'
import { type Addresses, appHostsAt, appUpstream, possibleAppHosts } from './app.ts'
import { freePortAt, listenOn } from '../testing/ports.ts'

const POD = '127.0.0.9'
const HOSTS = possibleAppHosts([POD])
const servers: Server[] = []

const close = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve))

afterEach(async () => {
  await Promise.all(servers.splice(0).map(close))
})

async function listenAt(host: string, port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy())
  servers.push(server)
  await listenOn(server, port, host)
  return server
}

/** The address that accepted a connection, or the error that ended it. */
const dialled = (app: Upstream): Promise<string | Error | undefined> =>
  new Promise((resolve) => {
    const transport = app.dial()
    transport.receiver = {
      ...IGNORE,
      onOpen: () => {
        resolve(transport.remoteAddress)
        transport.destroy()
      },
      onClose: resolve,
    }
  })

test('an app is tried on loopback of either family, then at the addresses of its pod', () => {
  expect(possibleAppHosts(['10.0.0.4', 'fd00::4'])).toEqual(['127.0.0.1', '::1', '10.0.0.4', 'fd00::4'])
  expect(possibleAppHosts(['0.0.0.0'])).toEqual(['127.0.0.1', '::1'])
  expect(possibleAppHosts(['127.0.0.1'])).toEqual(['127.0.0.1', '::1'])
})

test.each(['127.0.0.1', '::1', POD])('an app that listens at %s alone is reached', async (host) => {
  const port = await freePortAt(HOSTS)
  await listenAt(host, port)
  const app = appUpstream(HOSTS, port)
  expect([await dialled(app), await dialled(app)]).toEqual([host, host])
})

test('the address that accepted a connection is tried first, until it refuses', async () => {
  const port = await freePortAt(HOSTS)
  const atPod = await listenAt(POD, port)
  const app = appUpstream(HOSTS, port)
  expect(await dialled(app)).toBe(POD)
  await listenAt('127.0.0.1', port)
  expect(await dialled(app)).toBe(POD)
  await close(atPod)
  expect(await dialled(app)).toBe('127.0.0.1')
})

test('after an app refused at all addresses, they are tried in their order again', async () => {
  const port = await freePortAt(HOSTS)
  const atPod = await listenAt(POD, port)
  const app = appUpstream(HOSTS, port)
  expect(await dialled(app)).toBe(POD)
  await close(atPod)
  const error = (await dialled(app)) as AggregateError
  expect(error.message).toBe(
    `connect ECONNREFUSED ${POD}:${port}, connect ECONNREFUSED 127.0.0.1:${port}, connect ECONNREFUSED ::1:${port}`,
  )
  expect(error.errors).toHaveLength(3)
  await listenAt(POD, port)
  await listenAt('127.0.0.1', port)
  expect(await dialled(app)).toBe('127.0.0.1')
})

test('a cancelled dial tries no other address', async () => {
  const port = await freePortAt(HOSTS)
  let accepted = 0
  const server = await listenAt('::1', port)
  server.on('connection', () => accepted++)
  const transport = appUpstream(HOSTS, port).dial()
  const closed = new Promise((resolve) => (transport.receiver = { ...IGNORE, onClose: resolve }))
  transport.destroy(new Error('connect timeout'))
  expect(await closed).toMatchObject({ message: 'connect timeout' })
  // The last connection was accepted last, so there was only one.
  expect(await dialled(appUpstream(['::1'], port))).toBe('::1')
  await close(server)
  expect(accepted).toBe(1)
})

test('a single address is dialled directly and names the app', () => {
  expect(appUpstream(['127.1.0.4'], 8080).key).toBe('127.1.0.4:8080')
  expect(appUpstream(['fd00::4'], 8080).key).toBe('[fd00::4]:8080')
  expect(appUpstream(HOSTS, 8080).key).toBe('localhost:8080')
})

const inbound = [{ port: 25001, appPort: 8080, protocol: 'http' }] as const
const at = (hosts: string[], port: number, appHosts = possibleAppHosts(hosts)): readonly string[] =>
  appHostsAt({ hosts, adminPort: 25000, inbound, appHosts } satisfies Addresses, port)

test('a listener of the sidecar is never used as the app', () => {
  const all = ['127.0.0.1', '::1', '10.0.0.4', 'fd00::4']
  expect(at(['10.0.0.4', 'fd00::4'], 8080)).toEqual(all)
  expect(at(['10.0.0.4', 'fd00::4'], 25001)).toEqual(['127.0.0.1', '::1'])
  expect(at(['10.0.0.4'], 25001, ['10.0.0.4'])).toEqual([])
  expect(at(['0.0.0.0'], 25001, all)).toEqual(['::1', 'fd00::4'])
  expect(at(['0.0.0.0', '::'], 25001, all)).toEqual([])
  expect(at(['0.0.0.0', '::'], 8080, all)).toEqual(all)
  expect(at(['10.0.0.4', 'fd00::4'], 25000)).toEqual([])
})
