import { environmentNumber, mintTraceId } from '@branchline/wire/trace-id'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keyed, see, target, World } from '../fixture/world.ts'
import { cleanUp } from '../../testing/cleanups.ts'
import { attributesIn, type OtlpReceiver, otlpReceiver } from '../../testing/otlp-receiver.ts'
import { DEAD_PORT } from '../../testing/ports.ts'
import { until } from '../../testing/until.ts'

let world: World
let receiver: OtlpReceiver

beforeEach(async () => {
  world = await World.create()
  receiver = await otlpReceiver()
})
afterEach(async () => {
  await world.close()
  await cleanUp()
})

const tracesUrl = (): string => `${receiver.url}/v1/traces`

test('each hop is a span: a child of the request’s parent, and the parent of the next hop', async () => {
  const { spans } = receiver
  const app = await world.app('alice')
  const config = { tracesUrl: tracesUrl() }
  const override = await world.pod({ appPort: app, environment: 'alice', routes: { own: ['alice'] }, config })
  const routes = { alice: target('alice', [override.port]) }
  const root = await world.pod({ appPort: DEAD_PORT, routes: { routes }, config })
  const traceId = mintTraceId(environmentNumber('alice'))
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
  const seen = await see(root.port, { path: '/p?secret=1', headers: { ...keyed('alice'), traceparent } })
  await until(() => spans.length === 2)
  const first = spans.find(({ parentSpanId }) => parentSpanId === '00f067aa0ba902b7')
  const second = spans.find(({ parentSpanId }) => parentSpanId === first?.spanId)
  expect(seen.headers['traceparent']).toBe(`00-${traceId}-${second?.spanId}-01`)
  expect(spans.map((span) => [span.traceId, span.kind, span.name])).toEqual([
    [traceId, 2, 'GET'],
    [traceId, 2, 'GET'],
  ])
  expect(attributesIn(first)).toEqual({
    'http.request.method': 'GET',
    'url.path': '/p',
    'http.response.status_code': 200,
    'branchline.service': 'api',
    'branchline.environment': 'baseline',
    'branchline.target.environment': 'alice',
    'branchline.reason': 'override',
    'branchline.key': 'alice',
    'network.peer.address': `127.0.0.1:${override.port}`,
  })
  expect(attributesIn(second)).toMatchObject({
    'branchline.reason': 'routed',
    'branchline.environment': 'alice',
  })
})

test('a trace that begins here is marked with its environment, and one that is not sampled is forwarded unchanged', async () => {
  const { spans } = receiver
  const app = await world.app('app')
  const config = { tracesUrl: tracesUrl() }
  const { port } = await world.pod({ appPort: app, callers: { '127.0.0.2': 'alice' }, config })
  const unsampled = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00'
  expect((await see(port, { headers: { traceparent: unsampled } })).headers['traceparent']).toBe(unsampled)
  const { headers } = await see(port, { localAddress: '127.0.0.2' })
  await until(() => spans.length === 1)
  const [span] = spans
  expect(span?.traceId).toContain(environmentNumber('alice'))
  expect(span?.parentSpanId ?? '').toBe('')
  expect(headers['traceparent']).toBe(`00-${span?.traceId}-${span?.spanId}-01`)
})
