/** A replica that could not renew its Lease, while no other is known to lead, keeps serving and writes nothing. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { encodeControl } from '@branchline/wire/tunnel/frame'
import { CLOSE_CODES, TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { readConfig } from './config.ts'
import { LocalApi } from './fixture/local-api.ts'
import { environment, preview, running } from './fixture/objects.ts'
import { TestSidecar } from './fixture/sidecar.ts'
import { type RunningManager, startManager } from './manager.ts'
import { LocalSource } from './sources/local.ts'
import { until } from '../testing/until.ts'

const logger = pino({ level: 'silent' })
let api: LocalApi
let manager: RunningManager
let sidecar: TestSidecar
/** The manager's connections to the relay; the newest is the last. */
let tunnels: WebSocket[]
let relay: ReturnType<typeof createServer>

const closed = () => tunnels.map(({ readyState, CLOSED }) => readyState === CLOSED)
const routes = () => Object.keys(sidecar.table?.listeners[25001]?.routes ?? {})

beforeEach(async () => {
  tunnels = []
  relay = createServer()
  const sockets = new WebSocketServer({ server: relay, handleProtocols: () => TUNNEL_SUBPROTOCOL })
  sockets.on('connection', (socket) => tunnels.push(socket))
  await once(relay.listen(0, '127.0.0.1'), 'listening')
  api = new LocalApi()
  await api.listen()
  api.tokens.set('base-api', { namespace: 'base', pod: 'api-0' })
  api.put(environment('base'), preview('base', 'api'), ...running('base', 'api', '10.0.0.1'))
  const config = readConfig({
    BRANCHLINE_SOURCE: 'local',
    BRANCHLINE_LOCAL_API: api.socketPath,
    BRANCHLINE_RELAY: `ws://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    BRANCHLINE_RELAY_TOKEN: 'secret',
    POD_IP: '127.0.0.1',
    BRANCHLINE_ROUTES_PORT: '0',
    BRANCHLINE_ADMIN_PORT: '0',
  })
  manager = await startManager(config, new LocalSource({ socketPath: api.socketPath, logger }), logger)
  sidecar = await TestSidecar.connect(manager.routesPort, 'base-api')
  await until(() => sidecar.table && tunnels.length === 1, 'the sidecar and the tunnel')
})

afterEach(async () => {
  sidecar.socket.terminate()
  await manager.stop()
  for (const tunnel of tunnels) tunnel.terminate()
  relay.close()
  await api.close()
})

test('it serves sidecars and keeps the tunnel, and writes once it leads again', async () => {
  manager.leadership.hold()
  const before = api.statuses.length
  api.put(environment('alice', { base: 'base' }), ...running('alice', 'api', '10.0.0.2'))
  await until(() => routes().includes('alice'), 'the change')
  const again = await TestSidecar.connect(manager.routesPort, 'base-api')
  await until(() => again.table, 'a snapshot')
  again.socket.terminate()
  expect(closed()).toEqual([false])
  expect(api.statuses.slice(before).filter(({ name }) => name === 'alice')).toEqual([])
  manager.leadership.lead()
  await until(() => api.statuses.some(({ name }) => name === 'alice'), 'the status')
  expect(tunnels).toHaveLength(1)
})

test('it stops serving sidecars as soon as another replica is known to lead, and keeps the tunnel', async () => {
  manager.leadership.hold()
  manager.leadership.follow()
  await until(() => sidecar.closeCode === 1001, 'the end')
  expect(closed()).toEqual([false])
})

const led = encodeControl({ type: 'registered', previews: [], led: true })

test('it stops serving when the relay reports that another replica leads', async () => {
  manager.leadership.hold()
  tunnels[0]?.send(led)
  await until(() => sidecar.closeCode === 1001, 'the end')
  expect(closed()).toEqual([false])
})

test('while it leads, a report of the relay that another replica leads changes nothing', async () => {
  tunnels[0]?.send(led)
  tunnels[0]?.send(
    encodeControl({ type: 'registered', previews: [{ label: 'api--base', refusal: 'after it' }] }),
  )
  await until(() => api.statuses.some((it) => JSON.stringify(it).includes('after it')), 'the answer')
  expect(sidecar.closeCode).toBeUndefined()
})

test('it dials again when the relay closes the tunnel, whether it leads or not', async () => {
  tunnels[0]?.close(CLOSE_CODES.replaced, 'another connection registered as cluster default')
  await until(() => tunnels.length === 2, 'the tunnel')
  manager.leadership.follow()
  tunnels[1]?.close(CLOSE_CODES.timeout, 'no response to a ping')
  await until(() => tunnels.length === 3, 'the tunnel')
  expect(closed()).toEqual([true, true, false])
})
