import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { request } from 'node:http'
import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createLogger } from '../../../../process/log.ts'
import { cleanUp, later } from '../../../../testing/cleanups.ts'
import { DEAD_PORT, freePort, freePorts, listenOn } from '../../../../testing/ports.ts'
import { RawClient } from '../../../../testing/raw-client.ts'
import { until } from '../../../../testing/until.ts'
import { appFor, visit } from '../../../fixture.ts'
import { circuitOf, targetAt, type TestWorker, workerWith } from '../../circuits/fixture.ts'
import type { WorkerCircuitsOptions } from '../../circuits/index.ts'
import type { CircuitReport } from '../../circuits/served-circuits.ts'
import { listenForVisitors } from '../listener.ts'
import { type PortLimits } from './limits.ts'
import { Ports } from './ports.ts'

afterEach(cleanUp)

interface PortWorker extends TestWorker {
  readonly ports: Ports
  readonly portReports: CircuitReport[]
}

/** A worker with ports on loopback. */
async function worker(
  limits: Partial<PortLimits> = {},
  options: Partial<WorkerCircuitsOptions> = {},
): Promise<PortWorker> {
  const own = await workerWith([], options)
  const portReports: CircuitReport[] = []
  const host = '127.0.0.1'
  const ports = new Ports({
    host,
    tcp: own.tcp,
    listenForHttp: (port, circuit) =>
      listenForVisitors({
        host,
        port,
        circuit,
        engines: own.engines,
        visitors: own.visitors,
        headMs: 5_000,
        onRefused: () => {},
      }),
    limits: { drainMs: 100, bind: { firstMs: 5, maxMs: 20 }, ...limits },
    logger: createLogger('test', 'silent'),
    onCircuit: (report) => portReports.push(report),
  })
  own.served.listen(ports)
  later(() => ports.stop())
  return { ...own, ports, portReports }
}

const portCircuit = (
  id: string,
  port: number,
  target: string,
  more: Partial<DeployedCircuit> = {},
): DeployedCircuit =>
  circuitOf(id, [targetAt('t', target)], { frontend: { type: 'port', port }, backend: 'tcp', ...more })

/** A TCP server that names itself, and echoes in capitals after the client has ended its direction. */
async function echo(name: string): Promise<{ address: string; sockets: Set<Socket>; server: Server }> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)))
    let text = ''
    socket.on('error', () => {}).write(`${name} `)
    socket.on('data', (data) => (text += String(data)))
    socket.on('end', () => socket.end(text.toUpperCase()))
  })
  const port = await listenOn(server)
  later(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { address: `127.0.0.1:${port}`, sockets, server }
}

const isOpen = async (port: number): Promise<boolean> => {
  const client = new RawClient(port)
  const open = await once(client.socket, 'connect').then(
    () => true,
    () => false,
  )
  client.socket.destroy()
  return open
}

describe('TCP', () => {
  test('half-close passes through in both directions', async () => {
    const { served, ports } = await worker()
    const port = await freePort()
    served.apply({ upsert: [portCircuit('a', port, (await echo('one')).address)] })
    await until(() => ports.size === 1)
    const client = new RawClient(port)
    await client.until((text) => text === 'one ')
    client.send('hello').socket.end()
    expect(await client.ended()).toBe('one HELLO')
    expect(client.error).toBeUndefined()
    await until(() => served.get('a')?.usage.open === 0)
    expect(served.get('a')?.counts).toMatchObject({ inBytes: 5, outBytes: 9 })
  })

  test('an allow-list admits its addresses, also in the IPv6 form of an IPv4 address', async () => {
    const { served, ports } = await worker()
    const [open, closed] = await freePorts(2)
    const { address } = await echo('one')
    served.apply({
      upsert: [
        portCircuit('open', open as number, address, {
          access: { type: 'token', allow: ['::ffff:127.0.0.0/104'] },
        }),
        portCircuit('closed', closed as number, address, {
          access: { type: 'public', allow: ['10.0.0.0/8'] },
        }),
      ],
    })
    await until(() => ports.size === 2)
    expect(await new RawClient(open as number).until((text) => text !== '')).toBe('one ')
    expect(await new RawClient(closed as number).ended()).toBe('')
    expect(served.metrics.read()).toContain('branchline_relay_port_connections_total{result="refused"} 1\n')
  })

  test('a port is closed unless its circuit is public or has an allow-list', async () => {
    const { served, ports } = await worker()
    const port = await freePort()
    const { address } = await echo('one')
    served.apply({ upsert: [portCircuit('a', port, address, { access: { type: 'organization' } })] })
    expect(await isOpen(port)).toBe(false)
    served.apply({ upsert: [portCircuit('a', port, address)] })
    await until(() => ports.size === 1)
    expect(await isOpen(port)).toBe(true)
    served.apply({ upsert: [portCircuit('a', port, address, { access: { type: 'token' } })] })
    expect(await isOpen(port)).toBe(false)
  })

  test('a target that does not accept is left out, and the next one serves the connection', async () => {
    const { served, ports, reports } = await worker()
    const port = await freePort()
    const targets = [targetAt('dead', `127.0.0.1:${DEAD_PORT}`), targetAt('t', (await echo('one')).address)]
    served.apply({ upsert: [portCircuit('a', port, '', { targets })] })
    await until(() => ports.size === 1)
    for (let index = 0; index < 3; index++) await new RawClient(port).until((text) => text === 'one ')
    expect(reports).toMatchObject([{ circuit: 'a', target: 'dead', status: 'UNHEALTHY' }])
  })

  test('without a target that accepts, the client sees a reset', async () => {
    const { served, ports } = await worker()
    const port = await freePort()
    served.apply({ upsert: [portCircuit('a', port, `127.0.0.1:${DEAD_PORT}`)] })
    await until(() => ports.size === 1)
    const client = new RawClient(port)
    await client.ended()
    expect(await until(() => client.error?.code)).toBe('ECONNRESET')
    await until(() => served.get('a')?.usage.open === 0)
  })

  test('connections beyond the limit are closed, and an open one counts as use', async () => {
    const { served, ports } = await worker()
    const port = await freePort()
    const { address } = await echo('one')
    served.apply({ upsert: [portCircuit('a', port, address, { limits: { connections: 1 } })] })
    await until(() => ports.size === 1)
    const first = new RawClient(port)
    await first.until((text) => text === 'one ')
    expect(await new RawClient(port).ended()).toBe('')
    expect(served.usages.take(10).reports).toMatchObject([{ id: 'a', requests: 1, open: 1 }])
    expect(served.usages.take(10).reports).toMatchObject([{ id: 'a', requests: 0, open: 1 }])
    first.socket.end()
    await until(() => served.get('a')?.usage.open === 0)
    await new RawClient(port).until((text) => text === 'one ')
  })

  test('an idle connection ends after the limit', async () => {
    const { served, ports } = await worker({}, { tcp: { idleMs: 30 } })
    const port = await freePort()
    served.apply({ upsert: [portCircuit('a', port, (await echo('one')).address)] })
    await until(() => ports.size === 1)
    expect(await new RawClient(port).ended()).toBe('one ')
    await until(() => served.get('a')?.usage.open === 0)
  })
})

describe('the listeners', () => {
  test('a port that is in use is reported with the reason, and opened once it is free', async () => {
    const { served, ports, portReports } = await worker()
    const port = await freePort()
    const holder = createServer()
    await listenOn(holder, port)
    served.apply({ upsert: [portCircuit('a', port, (await echo('one')).address)] })
    await until(() => portReports.length === 1)
    expect(portReports[0]).toEqual({
      id: 'a',
      version: 1,
      reason: `Port ${port} cannot be opened: EADDRINUSE (another process uses it).`,
    })
    holder.close()
    await until(() => ports.size === 1)
    expect(portReports[1]).toEqual({ id: 'a', version: 1 })
    await new RawClient(port).until((text) => text === 'one ')
  })

  test('a removed circuit loses only its own port, which another circuit can have at once', async () => {
    const { served, ports } = await worker()
    const [first = 0, second = 0] = await freePorts(2)
    const [one, two] = [await echo('one'), await echo('two')]
    served.apply({
      upsert: [portCircuit('a', first, one.address), portCircuit('b', second, one.address)],
    })
    await until(() => ports.size === 2)
    const other = new RawClient(second)
    await other.until((text) => text === 'one ')
    served.apply({ upsert: [portCircuit('c', first, two.address)], remove: ['a'] })
    await until(() => ports.size === 2)
    await new RawClient(first).until((text) => text === 'two ')
    other.send('still').socket.end()
    expect(await other.ended()).toBe('one STILL')
  })

  test('two circuits can exchange their ports in one change', async () => {
    const { served, ports } = await worker()
    const [first = 0, second = 0] = await freePorts(2)
    const [one, two] = [await echo('one'), await echo('two')]
    served.apply({ upsert: [portCircuit('a', first, one.address), portCircuit('b', second, two.address)] })
    await until(() => ports.size === 2)
    served.apply({ upsert: [portCircuit('a', second, one.address), portCircuit('b', first, two.address)] })
    await until(() => ports.size === 2)
    expect(await new RawClient(first).until((text) => text !== '')).toBe('two ')
    expect(await new RawClient(second).until((text) => text !== '')).toBe('one ')
  })

  test('a draining circuit accepts nothing more, and its connections go on until the limit', async () => {
    const { served, ports } = await worker({ drainMs: 60_000 })
    const port = await freePort()
    const { address, sockets } = await echo('one')
    served.apply({ upsert: [portCircuit('a', port, address)] })
    await until(() => ports.size === 1)
    const client = new RawClient(port)
    await client.until((text) => text === 'one ')
    served.apply({ upsert: [portCircuit('a', port, address, { draining: true, version: 2 })] })
    expect(await isOpen(port)).toBe(false)
    client.send('x').socket.end()
    expect(await client.ended()).toBe('one X')
    await until(() => sockets.size === 0)
  })

  test('a connection that is still open at the limit of the drain is ended', async () => {
    const { served, ports } = await worker({ drainMs: 30 })
    const port = await freePort()
    const { address, sockets } = await echo('one')
    served.apply({ upsert: [portCircuit('a', port, address)] })
    await until(() => ports.size === 1)
    const client = new RawClient(port)
    await client.until((text) => text === 'one ')
    served.apply({ remove: ['a'] })
    expect(await client.ended()).toBe('one ')
    await until(() => sockets.size === 0)
  })
})

describe('HTTP', () => {
  test('every host that a client names at the port leads to the circuit, and its limits and lists apply', async () => {
    const { served, ports } = await worker()
    const [open = 0, closed = 0] = await freePorts(2)
    const { endpoint } = await appFor((incoming, response) => response.end(incoming.headers.host))
    const http = { backend: 'http' as const }
    served.apply({
      upsert: [
        portCircuit('a', open, endpoint, { ...http, limits: { bodyBytes: 2 } }),
        portCircuit('b', closed, endpoint, { ...http, access: { type: 'public', allow: ['10.0.0.0/8'] } }),
      ],
    })
    await until(() => ports.size === 2)
    expect((await visit(open, { host: 'anything.example:1' })).body).toBe('anything.example:1')
    expect((await visit(open, { host: 'x', method: 'POST', body: 'abc' })).status).toBe(413)
    const refused = await visit(closed, { host: 'b.localhost' })
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([403, { reason: 'address' }])
    // A circuit that has a port has no host.
    served.apply({ remove: ['a'] })
    expect(await isOpen(open)).toBe(false)
  })

  test('a WebSocket passes, from Firefox too, and an allow-list applies to it', async () => {
    const { served, ports } = await worker()
    const [open = 0, closed = 0] = await freePorts(2)
    const sockets = new WebSocketServer({ noServer: true })
    const { endpoint, server } = await appFor(() => {})
    server.on('upgrade', (incoming, socket, head) =>
      sockets.handleUpgrade(incoming, socket, head, (webSocket) => webSocket.send('hello')),
    )
    const http = { backend: 'http' as const }
    served.apply({
      upsert: [
        portCircuit('a', open, endpoint, http),
        portCircuit('b', closed, endpoint, { ...http, access: { type: 'public', allow: ['::1'] } }),
      ],
    })
    await until(() => ports.size === 2)
    const webSocket = new WebSocket(`ws://127.0.0.1:${open}`, {
      headers: { connection: 'keep-alive, Upgrade' },
    })
    expect(String((await once(webSocket, 'message'))[0])).toBe('hello')
    await until(() => served.get('a')?.usage.open === 1)
    webSocket.terminate()
    await until(() => served.get('a')?.usage.open === 0)
    const refused = request({
      port: closed,
      host: '127.0.0.1',
      headers: { connection: 'Upgrade', upgrade: 'websocket' },
    })
    const [response] = (await once(refused.end(), 'response')) as [{ statusCode: number; resume(): void }]
    response.resume()
    expect(response.statusCode).toBe(403)
  })
})
