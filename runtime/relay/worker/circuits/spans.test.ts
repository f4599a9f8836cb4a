import { environmentNumber, mintTraceId, mintTraceparent, traceIdNumber } from '@branchline/wire/trace-id'
import { afterEach, expect, test, vi } from 'vitest'
import type { Head } from '../../../proxy/head.ts'
import { startTracer } from '../../../telemetry/opentelemetry.ts'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { attributesIn, otlpReceiver, type OtlpReceiver } from '../../../testing/otlp-receiver.ts'
import { DEAD_PORT } from '../../../testing/ports.ts'
import { until } from '../../../testing/until.ts'
import type { Upstream } from '../../../transport/transport.ts'
import type { TraceMode } from '../../../visitor/key-edits.ts'
import { appFor, relayFor, visit } from '../../fixture.ts'
import { previewOf, TestCluster } from '../../fixture-cluster.ts'
import { apps, circuitOf, seenIn, targetAt, workerWith } from './fixture.ts'
import { Path } from './forward.ts'
import type { ServedCircuit } from './served-circuit.ts'
import type { ServedTarget } from './served-target.ts'
import { CircuitSpans } from './spans.ts'

afterEach(cleanUp)

const SENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

function spansTo({ url }: OtlpReceiver, trace: TraceMode): CircuitSpans {
  const tracer = startTracer(`${url}/v1/traces`, { name: 'test', version: '0', resource: {} })
  later(() => tracer.stop())
  return new CircuitSpans({ tracer, worker: 'w1', trace })
}

test('through the tunnel: the span has the trace id of the key, and is the parent that the app gets', async () => {
  const receiver = await otlpReceiver()
  const seen: (string | undefined)[] = []
  const app = await appFor((incoming, response) => {
    seen.push(incoming.headers['traceparent'] as string | undefined)
    response.end()
  })
  const relay = await relayFor({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url })
  const cluster = new TestCluster(relay.tunnelPort, 'c1', [previewOf('alice')])
  cluster.services.set('alice/web:80', app.endpoint)
  await until(() => cluster.registrations.has('web--alice'))
  const headers = { traceparent: SENT }
  await until(
    async () =>
      (await visit(relay.httpPort, { host: 'web--alice.localhost', path: '/p?secret=1', headers })).status ===
      200,
  )
  const span = await until(() => receiver.spans.find(({ spanId }) => seen.at(-1)?.includes(spanId)))
  expect(seen.at(-1)).toBe(`00-${span.traceId}-${span.spanId}-01`)
  expect(traceIdNumber(span.traceId)).toBe(environmentNumber('alice'))
  expect([span.parentSpanId ?? '', span.kind, span.name]).toEqual(['', 2, 'GET'])
  expect(attributesIn(span)).toEqual({
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'url.path': '/p',
    'url.scheme': 'http',
    'server.address': 'web--alice.localhost',
    'client.address': '127.0.0.1',
    'network.protocol.version': '1.1',
    'branchline.circuit_key': 'preview/web--alice',
    'branchline.worker_id': 'test',
    'branchline.target': expect.any(String) as string,
    'branchline.cluster': 'c1',
    'branchline.target.environment': 'alice',
  })
})

test('keep: the span continues the trace of the visitor; restart: it begins one, without state of the other', async () => {
  const receiver = await otlpReceiver()
  const [address = ''] = await apps('a')
  const seenWith = async (trace: TraceMode, traceparent: string): Promise<Record<string, string>> => {
    const spans = spansTo(receiver, trace)
    const { port } = await workerWith([circuitOf('x', [targetAt('t1', address)])], { spans })
    const headers = { traceparent, tracestate: 'a=1' }
    return seenIn(await visit(port, { host: 'x.localhost', headers })).headers
  }
  const kept = await seenWith('keep', SENT)
  const restarted = await seenWith('restart', SENT)
  const [one, two] = await until(() => receiver.spans.length === 2 && receiver.spans)
  const byParent = one?.parentSpanId === '00f067aa0ba902b7' ? [one, two] : [two, one]
  const [child, root] = byParent
  expect([kept['traceparent'], kept['tracestate']]).toEqual([
    `00-4bf92f3577b34da6a3ce929d0e0e4736-${child?.spanId}-01`,
    'a=1',
  ])
  expect([restarted['traceparent'], restarted['tracestate']]).toEqual([
    `00-${root?.traceId}-${root?.spanId}-01`,
    undefined,
  ])
  expect(root?.traceId).not.toBe(child?.traceId)
  const unsampled = `${SENT.slice(0, -1)}0`
  expect(await seenWith('keep', unsampled)).toMatchObject({ traceparent: unsampled, tracestate: 'a=1' })
})

test('a request that fails has one span with the error', async () => {
  const receiver = await otlpReceiver()
  const spans = spansTo(receiver, 'restart')
  const { port } = await workerWith([circuitOf('x', [targetAt('t1', `127.0.0.1:${DEAD_PORT}`)])], { spans })
  expect((await visit(port, { host: 'x.localhost' })).status).toBe(502)
  const [span] = await until(() => receiver.spans.length > 0 && receiver.spans)
  expect([receiver.spans.length, span?.status?.code]).toEqual([1, 2])
  expect(attributesIn(span)).toMatchObject({
    'http.response.status_code': 502,
    'error.type': expect.stringMatching(/^BL_HTTP_/) as string,
    'branchline.circuit_key': 'test/x',
    'network.peer.address': `127.0.0.1:${DEAD_PORT}`,
  })
})

test('a request that is decided again keeps its span, and a path of another key its own trace', () => {
  const span = {
    traceparent: `00-${mintTraceId(environmentNumber('alice'))}-00f067aa0ba902b7-01`,
    end: vi.fn(),
  }
  const begin = vi.fn(() => span)
  const spans = new CircuitSpans({ tracer: { begin }, worker: 'w1', trace: 'restart' })
  const pathOf = (key: string): Path => {
    const set = [['traceparent', mintTraceparent(environmentNumber(key))]] as const
    return new Path({} as ServedTarget, {} as Upstream, { set }, undefined, undefined, undefined)
  }
  const head = { method: 'GET', target: '/?x', get: () => undefined } as unknown as Head
  const request = { served: {} as ServedCircuit, sender: { address: undefined, secure: false }, head }
  const bob = pathOf('bob')
  const [first, second] = spans.begin(request, [pathOf('alice'), bob])
  const [again] = spans.begin(request, [pathOf('alice')])
  expect(begin).toHaveBeenCalledTimes(1)
  expect(begin).toHaveBeenCalledWith(expect.objectContaining({ path: '/', minted: true }))
  for (const path of [first, again]) expect(path?.edits.set).toContainEqual(['traceparent', span.traceparent])
  expect(second).toBe(bob)
})

test('long paths are cut, and unknown methods do not name spans', async () => {
  const receiver = await otlpReceiver()
  const [address = ''] = await apps('a')
  const spans = spansTo(receiver, 'restart')
  const { port } = await workerWith([circuitOf('x', [targetAt('t1', address)])], { spans })
  const path = `/${'p'.repeat(3_000)}`
  expect((await visit(port, { host: 'x.localhost', path, method: 'PURGE' })).status).toBe(200)
  const [span] = await until(() => receiver.spans.length > 0 && receiver.spans)
  expect(span?.name).toBe('HTTP')
  expect(attributesIn(span)).toMatchObject({
    'http.request.method': '_OTHER',
    'http.request.method_original': 'PURGE',
    'url.path': path.slice(0, 1_024),
  })
})
