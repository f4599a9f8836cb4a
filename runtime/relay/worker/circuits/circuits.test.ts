import { once } from 'node:events'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { DEAD_PORT, listenOn } from '../../../testing/ports.ts'
import { until } from '../../../testing/until.ts'
import { appFor, visit } from '../../fixture.ts'
import { apps, circuitOf, targetAt, workerWith } from './fixture.ts'

afterEach(cleanUp)

test('requests are counted by circuit, with their bytes', async () => {
  const { endpoint } = await appFor((_, response) => response.end('12345'))
  const { port, served } = await workerWith([circuitOf('x', [targetAt('t', endpoint)])])
  await visit(port, { host: 'x.localhost', method: 'POST', body: '123' })
  await until(() => served.metrics.read().includes('circuit_requests_total{circuit="test/x",code="2xx"} 1\n'))
  const text = served.metrics.read()
  expect(text).toContain('branchline_relay_circuit_bytes_total{circuit="test/x",direction="in"} 3\n')
  expect(text).toContain('branchline_relay_circuit_bytes_total{circuit="test/x",direction="out"} 5\n')
  expect(text).toContain('branchline_relay_circuit_open{circuit="test/x"} 0\n')
  served.apply({ remove: ['x'] })
  expect(served.metrics.read()).not.toContain('test/x')
})

test('gRPC and other clients of HTTP/2 reach an app that speaks HTTP/2', async () => {
  const server = createHttp2Server()
  server.on('stream', (stream, headers) =>
    stream.respond({ ':status': 200, 'x-path': headers[':path'] }, { endStream: true }),
  )
  const to = await listenOn(server)
  later(() => server.close())
  const { port } = await workerWith([circuitOf('x', [targetAt('t', `127.0.0.1:${to}`)], { backend: 'h2' })])
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  later(() => session.destroy())
  const stream = session.request({ ':path': '/a', ':authority': 'x.localhost' })
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
  expect(headers).toMatchObject({ ':status': 200, 'x-path': '/a' })
})

test('a dead target fails no request that can go elsewhere, and is left out', async () => {
  const [one = ''] = await apps('one')
  const targets = [targetAt('dead', `127.0.0.1:${DEAD_PORT}`), targetAt('t', one)]
  const { port, served, reports } = await workerWith([circuitOf('x', targets)])
  for (let index = 0; index < 10; index++)
    expect((await visit(port, { host: 'x.localhost', method: 'POST', body: 'x' })).status).toBe(200)
  expect(reports).toMatchObject([{ circuit: 'x', target: 'dead', status: 'UNHEALTHY' }])
  expect(
    served
      .get('x')
      ?.usable(performance.now())
      .map(({ id }) => id),
  ).toEqual(['t'])
  // Passive signs alone never leave out the last target.
  served.apply({ upsert: [circuitOf('x', [targetAt('dead', `127.0.0.1:${DEAD_PORT}`)])] })
  for (let index = 0; index < 3; index++)
    expect(JSON.parse((await visit(port, { host: 'x.localhost' })).body)).toMatchObject({
      reason: 'unreachable',
    })
})
