import { createServer, type Server } from 'node:net'
import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, later } from '../../../../testing/cleanups.ts'
import { DEAD_PORT, listenOn } from '../../../../testing/ports.ts'
import { until } from '../../../../testing/until.ts'
import { appFor, visit } from '../../../fixture.ts'
import { circuitOf, targetAt, type TestWorker, workerWith } from '../fixture.ts'
import type { CheckLimits } from './limits.ts'

afterEach(cleanUp)

const FAST: Partial<CheckLimits> = { firstMs: 5, minIntervalMs: 1 }
const check = (more: Partial<NonNullable<DeployedCircuit['health']>> = {}): Partial<DeployedCircuit> => ({
  health: { type: 'http', interval: '10ms', retries: 1, ...more },
})

/** An app whose `/health` responds with a status that the test can change. */
async function app(): Promise<{ endpoint: string; health: { status: number; checks: number } }> {
  const health = { status: 200, checks: 0 }
  const { endpoint } = await appFor((incoming, response) => {
    if (incoming.url !== '/health') {
      response.end('app')
      return
    }
    health.checks++
    response.writeHead(health.status).end()
  })
  return { endpoint, health }
}

const statusOf = ({ reports }: TestWorker): string | undefined => reports.at(-1)?.status

describe('active checks', () => {
  test('an unhealthy target gets no new request, and gets them again once it is healthy', async () => {
    const [one, two] = [await app(), await app()]
    const targets = [targetAt('a', one.endpoint), targetAt('b', two.endpoint)]
    const circuit = circuitOf('x', targets, check({ path: '/health' }))
    const worker = await workerWith([circuit], { checks: FAST })
    await until(() => worker.reports.filter(({ status }) => status === 'HEALTHY').length === 2)
    one.health.status = 500
    await until(() => statusOf(worker) === 'UNHEALTHY')
    expect(worker.reports.at(-1)).toMatchObject({
      circuit: 'x',
      target: 'a',
      reason: 'The target a is not healthy: it responds with 500.',
    })
    const usable = () =>
      worker.served
        .get('x')
        ?.usable(performance.now())
        .map(({ id }) => id)
    expect(usable()).toEqual(['b'])
    two.health.status = 500
    await until(() => usable()?.length === 0)
    const { status, body, headers } = await visit(worker.port, { host: 'x.localhost' })
    expect([status, headers['retry-after']]).toEqual([503, '2'])
    expect(JSON.parse(body)).toMatchObject({ reason: 'no-target' })
    one.health.status = 200
    await until(() => usable()?.[0] === 'a')
    expect((await visit(worker.port, { host: 'x.localhost' })).body).toBe('app')
  })

  test('as many failures in a row are tolerated as the circuit says', async () => {
    const { endpoint, health } = await app()
    const circuit = circuitOf('x', [targetAt('a', endpoint)], check({ path: '/health', retries: 3 }))
    const worker = await workerWith([circuit], { checks: FAST })
    await until(() => statusOf(worker) === 'HEALTHY')
    health.status = 503
    const before = health.checks
    await until(() => statusOf(worker) === 'UNHEALTHY')
    // One check may have been on its way.
    expect(health.checks - before).toBeGreaterThanOrEqual(4)
  })

  test('the statuses that count as healthy are those of the circuit', async () => {
    const { endpoint, health } = await app()
    health.status = 401
    const circuit = circuitOf('x', [targetAt('a', endpoint)], check({ path: '/health', status: [401] }))
    const worker = await workerWith([circuit], { checks: FAST })
    await until(() => statusOf(worker) === 'HEALTHY')
    health.status = 200
    await until(() => statusOf(worker) === 'UNHEALTHY')
    expect(worker.reports.at(-1)?.reason).toContain('it responds with 200')
  })

  test('a TCP check needs only a connection; the first one decides at once', async () => {
    const server: Server = createServer((socket) => socket.on('error', () => {}).resume())
    const port = await listenOn(server)
    later(() => server.close())
    const targets = [targetAt('a', `127.0.0.1:${port}`), targetAt('b', `127.0.0.1:${DEAD_PORT}`)]
    const worker = await workerWith(
      [circuitOf('x', targets, check({ type: 'tcp', interval: '1h', retries: 9 }))],
      {
        checks: FAST,
      },
    )
    await until(() => worker.reports.length === 2)
    const found = Object.fromEntries(worker.reports.map(({ target, status }) => [target, status]))
    expect(found).toEqual({ a: 'HEALTHY', b: 'UNHEALTHY' })
    expect(worker.served.targetReports()).toHaveLength(2)
  })

  test('what does not speak HTTP, does not respond in time or is forbidden is unhealthy, with the reason', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-x\r\n'))
    const silent = createServer((socket) => socket.on('error', () => {}).resume())
    const ports = [await listenOn(server), await listenOn(silent)]
    later(() => (server.close(), silent.close()))
    const targets = [
      targetAt('ssh', `127.0.0.1:${ports[0]}`),
      targetAt('silent', `127.0.0.1:${ports[1]}`),
      targetAt('forbidden', '10.0.0.1:80'),
    ]
    const worker = await workerWith([circuitOf('x', targets, check({ timeout: '50ms' }))], { checks: FAST })
    await until(() => worker.reports.length === 3)
    const reasons = Object.fromEntries(worker.reports.map(({ target, reason }) => [target, reason]))
    expect(reasons['ssh']).toContain('its response is not HTTP/1.1')
    expect(reasons['silent']).toContain('it did not respond within 50 ms')
    expect(reasons['forbidden']).toContain('10.0.0.1 is a private address')
  })

  test('only so many checks run at a time, and all targets are checked', async () => {
    let running = 0
    let most = 0
    const { endpoint } = await appFor((_, response) => {
      most = Math.max(most, ++running)
      setImmediate(() => {
        running--
        response.end()
      })
    })
    const circuits = Array.from({ length: 50 }, (_, index) =>
      circuitOf(`c${index}`, [targetAt('a', endpoint)], check({ interval: '1h' })),
    )
    const worker = await workerWith(circuits, { checks: { ...FAST, checks: 3 } })
    await until(() => worker.reports.length === 50)
    expect(most).toBeLessThanOrEqual(3)
  })

  test('checks end with their target and with their circuit', async () => {
    const [{ endpoint, health }, other] = [await app(), await app()]
    const circuit = circuitOf('x', [targetAt('a', endpoint)], check({ path: '/health' }))
    const clock = circuitOf('y', [targetAt('a', other.endpoint)], check({ path: '/health' }))
    const { served, reports } = await workerWith([circuit, clock], { checks: FAST })
    const pass = async (): Promise<void> => {
      const wanted = other.health.checks + 5
      await until(() => other.health.checks >= wanted)
    }
    await until(() => health.checks > 2)
    served.apply({ upsert: [circuitOf('x', [targetAt('a', endpoint)])] })
    expect(reports.at(-1)).toMatchObject({ circuit: 'x', status: 'UNKNOWN' })
    served.apply({ upsert: [circuit] })
    await until(() => reports.at(-1)?.circuit === 'x' && reports.at(-1)?.status === 'HEALTHY')
    served.apply({ remove: ['x'] })
    // A check may be on its way.
    await pass()
    const before = health.checks
    await pass()
    expect(health.checks).toBe(before)
  })
})

test('health survives changes of the circuit and a resynchronisation; a target without a check counts as healthy', async () => {
  const { endpoint, health } = await app()
  health.status = 500
  const checked = circuitOf('x', [targetAt('a', endpoint)], check({ path: '/health' }))
  const plain = circuitOf('y', [targetAt('a', endpoint)])
  const { served, reports, port } = await workerWith([checked, plain], { checks: FAST })
  await until(() => reports.at(-1)?.status === 'UNHEALTHY')
  // The same circuits, as other objects.
  const copies = [{ ...checked, version: 2 }, { ...plain }]
  served.replace(new Map(copies.map((circuit) => [circuit.id, circuit])))
  expect(served.get('x')?.usable(0)).toEqual([])
  expect((await visit(port, { host: 'y.localhost' })).body).toBe('app')
  expect(reports.map(({ circuit }) => circuit)).not.toContain('y')
})

describe('passive signs', () => {
  test('a target that responds with errors in a row is left out, and comes back after a success', async () => {
    let status = 500
    const { endpoint } = await appFor((_, response) => response.writeHead(status).end())
    const [healthy] = [await app()]
    const targets = [targetAt('a', endpoint), targetAt('b', healthy.endpoint)]
    const { port, reports, served } = await workerWith([circuitOf('x', targets)])
    for (let index = 0; index < 6; index++) await visit(port, { host: 'x.localhost' })
    expect(reports).toMatchObject([{ target: 'a', status: 'UNHEALTHY' }])
    for (let index = 0; index < 4; index++)
      expect((await visit(port, { host: 'x.localhost' })).status).toBe(200)
    status = 200
    await until(async () => {
      await visit(port, { host: 'x.localhost' })
      return reports.at(-1)?.status === 'HEALTHY'
    })
    expect(served.get('x')?.usable(performance.now())).toHaveLength(2)
  })

  test('where there are checks, a failed request has its target checked at once', async () => {
    const { endpoint } = await app()
    const targets = [targetAt('dead', `127.0.0.1:${DEAD_PORT}`), targetAt('b', endpoint)]
    const circuit = circuitOf('x', targets, check({ type: 'tcp', interval: '1h' }))
    const { port, reports } = await workerWith([circuit], { checks: { firstMs: 3_600_000 } })
    for (let index = 0; index < 2; index++)
      expect((await visit(port, { host: 'x.localhost' })).status).toBe(200)
    await until(() => reports.some(({ target, status }) => target === 'dead' && status === 'UNHEALTHY'))
    expect(reports[0]?.reason).toContain('ECONNREFUSED')
  })
})
