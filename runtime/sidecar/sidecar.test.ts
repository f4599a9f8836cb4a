import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect, createServer } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { notReady } from './admin.ts'
import { ask, keyed, see, target, World } from './fixture/world.ts'
import { startSidecar } from './sidecar.ts'
import { Table } from './table/table.ts'
import { tableOf } from './fixture/stand-in-manager.ts'
import { DEAD_PORT, freePort } from '../testing/ports.ts'
import { until } from '../testing/until.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world.close())

test('is ready with open listeners and a first table, or after it has waited for one', () => {
  const source = {
    table: (): Table | undefined => undefined,
    managerState: () => 'disconnected' as const,
    openSinceMs: (): number | undefined => 1_000,
    draining: () => false,
    firstTableTimeoutMs: 500,
  }
  expect(notReady({ ...source, openSinceMs: () => undefined }, 9_000)).toBe('opening its listeners')
  expect(notReady(source, 1_499)).toBe('no route table yet, manager disconnected')
  expect(notReady(source, 1_500)).toBeUndefined()
  expect(notReady({ ...source, table: () => new Table(tableOf(1)) }, 1_001)).toBeUndefined()
  expect(notReady({ ...source, draining: () => true }, 9_000)).toBe('draining')
})

test('the admin listener serves health, metrics and the table', async () => {
  const [local, alice] = await Promise.all([world.app('baseline'), world.app('alice')])
  const routes = { alice: target('alice', [alice]), dead: target('dead', [DEAD_PORT]) }
  const { port, sidecar } = await world.pod({ appPort: local, routes: { routes } })
  const { adminPort } = sidecar
  for (const key of ['alice', 'alice', 'dead', 'nobody']) await see(port, { headers: keyed(key) })
  expect((await ask(adminPort, { path: '/livez' })).status).toBe(200)
  expect((await ask(adminPort, { path: '/readyz' })).status).toBe(200)
  const { text } = await ask(adminPort, { path: '/metrics' })
  const total = (environment: string, reason: string): string =>
    `branchline_requests_total{environment="${environment}",service="api",reason="${reason}",code="200"}`
  expect(text).toContain(`${total('alice', 'override')} 2`)
  expect(text).toContain(`${total('baseline', 'override')} 1`)
  expect(text).toContain(`${total('baseline', 'own')} 1`)
  expect(text).toMatch(/branchline_request_duration_seconds_bucket\{environment="alice".*le="\+Inf"\} 2/)
  expect(text).toContain('failures_total{environment="dead",service="api",reason="unreachable"} 1')
  expect(text).toContain('branchline_fallbacks_total 1')
  expect(text).toContain('branchline_route_table_epoch 1')
  expect(text).toContain('branchline_manager_connected 1')
  const dump = JSON.parse((await ask(adminPort, { path: '/table' })).text) as {
    manager: string
    table: object
  }
  expect(dump).toMatchObject({ manager: 'connected', table: { epoch: 1, environment: 'baseline' } })
})

test('a port that is in use is named with its purpose, and nothing stays open', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const free = await freePort()
  const inbound = [
    { port: free, appPort: 8080, protocol: 'http' as const },
    { port, appPort: 9090, protocol: 'tcp' as const },
  ]
  const starting = startSidecar(
    {
      hosts: ['127.0.0.1'],
      appHosts: ['127.0.0.1'],
      adminPort: 0,
      inbound,
      managerUrl: 'ws://127.0.0.1:1/routes',
      tokenFile: '/nonexistent',
      keyHeader: undefined,
      entryDomain: undefined,
      addedIds: [],
      via: undefined,
      limits: {},
      balancing: 'round-robin',
      holdTimeoutMs: 0,
      accessLog: 'off',
      routeExplain: 'deny',
      tracesUrl: undefined,
      logLevel: 'silent',
      firstTableTimeoutMs: 0,
      drainTimeoutMs: 0,
      drainDelayMs: 0,
    },
    pino({ level: 'silent' }),
    '0.0.0',
  )
  await expect(starting).rejects.toThrow(`port ${port} on 127.0.0.1, for the app's port 9090, is in use`)
  await expect(ask(free)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  taken.close()
})

test('on stop it is unready, finishes running requests, sends Connection: close, and stops accepting', async () => {
  let reply: (() => void) | undefined
  const app = await world.app('slow', (_, response) => {
    reply = () => response.end('done')
  })
  const { port, sidecar } = await world.pod({ appPort: app, config: { drainTimeoutMs: 5_000 } })
  const { adminPort } = sidecar
  const agent = new Agent({ keepAlive: true })
  const running = ask(port, { agent })
  await until(() => reply !== undefined)
  const stopped = sidecar.stop()
  const ready = await ask(adminPort, { path: '/readyz' })
  expect(ready).toMatchObject({ status: 503, text: 'draining\n' })
  reply?.()
  expect(await running).toMatchObject({ status: 200, text: 'done', headers: { connection: 'close' } })
  await stopped
  await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  agent.destroy()
})

test('on stop a raw connection may end within the timeout, and an idle one then gets a FIN', async () => {
  const app = await world.tcpApp((socket) => socket.pipe(socket))
  const { port, sidecar } = await world.pod({ appPort: app, protocol: 'tcp', config: { drainTimeoutMs: 60 } })
  let error: Error | undefined
  const staying = connect(port, '127.0.0.1').on('error', (it) => (error = it))
  staying.write('a')
  await once(staying, 'data')
  const closed = new Promise((resolve) => staying.once('close', resolve))
  const before = performance.now()
  const stopped = sidecar.stop()
  staying.write('b')
  expect(((await once(staying, 'data')) as [Buffer])[0].toString()).toBe('b')
  await Promise.all([stopped, closed])
  expect(performance.now() - before).toBeGreaterThan(50)
  expect(error).toBeUndefined()
})

test('on stop a busy raw connection is reset, so that cut data does not look complete', async () => {
  const app = await world.tcpApp((socket) => socket.resume())
  const { port, sidecar } = await world.pod({ appPort: app, protocol: 'tcp', config: { drainTimeoutMs: 1 } })
  const writing = connect(port, '127.0.0.1')
  // Check what it writes, not what it reads: with bytes left to read, libuv reports a reset as an end.
  const timer = setInterval(() => writing.write('more'), 5)
  const ended = new Promise((resolve) => {
    writing.once('error', ({ message }) => resolve(message)).once('end', () => resolve('in peace'))
  })
  await once(writing, 'connect')
  await Promise.all([sidecar.stop(), ended])
  clearInterval(timer)
  expect(await ended).toMatch(/ECONNRESET|EPIPE/)
})
