import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { ROOT_CONTEXT, type TextMapPropagator, trace } from '@opentelemetry/api'
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3'
import { JaegerPropagator } from '@opentelemetry/propagator-jaeger'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

/** A service that forwards only one tracing header. */
type Forward = (incoming: IncomingHttpHeaders) => Record<string, string>

const tracer = new NodeTracerProvider().getTracer('dropper')

/** Works like a real tracer: reads the parent from its header, creates a span, and writes it to its header. */
const traced =
  (propagator: TextMapPropagator): Forward =>
  (incoming) => {
    const parent = propagator.extract(ROOT_CONTEXT, incoming, {
      get: (carrier: IncomingHttpHeaders, name) => carrier[name],
      keys: (carrier: IncomingHttpHeaders) => Object.keys(carrier),
    })
    const span = tracer.startSpan('call', {}, parent)
    const outgoing: Record<string, string> = {}
    propagator.inject(trace.setSpan(parent, span), outgoing, {
      set: (carrier: Record<string, string>, name, value) => (carrier[name] = value),
    })
    span.end()
    return outgoing
  }

const FORWARDS: Readonly<Record<string, Forward>> = {
  b3: traced(new B3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER })),
  jaeger: traced(new JaegerPropagator()),
  'request-id': (incoming) => {
    const id = incoming['x-request-id']
    const copied: Record<string, string> = typeof id === 'string' ? { 'x-request-id': id } : {}
    return copied
  },
  none: () => ({}),
}

const { NAME = '', VERSION = '', PORT = '8000', HOST = '0.0.0.0', FORWARD = 'none', UPSTREAM } = process.env

async function answer(request: IncomingMessage): Promise<string[]> {
  const me = `${NAME} ${VERSION}`
  if (request.url === '/ready' || UPSTREAM === undefined) return [me]
  const headers = FORWARDS[FORWARD]?.(request.headers) ?? {}
  // Every request has its own connection, so that none goes to a former owner of a Service's address.
  const upstream = await fetch(UPSTREAM, {
    headers: { ...headers, connection: 'close' },
    signal: AbortSignal.timeout(10_000),
  })
  if (!upstream.ok) throw new Error(`${UPSTREAM} returned ${upstream.status}`)
  return [me, ...((await upstream.json()) as string[])]
}

createServer((request, response) => {
  answer(request).then(
    (said) => response.setHeader('content-type', 'application/json').end(JSON.stringify(said)),
    (error: unknown) => response.writeHead(502).end(String(error)),
  )
}).listen(Number(PORT), HOST)
