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
  w3c: (incoming) => {
    const names = ['traceparent', 'tracestate', 'baggage']
    return Object.fromEntries(
      names.flatMap((name) => {
        const value = incoming[name]
        return typeof value === 'string' ? [[name, value]] : []
      }),
    )
  },
  none: () => ({}),
}

const { NAME = '', VERSION = '', PORT = '8000', HOST = '0.0.0.0', FORWARD = 'none' } = process.env
/** The services that it calls, one after another, and the interval at which it calls them without a request. */
const UPSTREAMS = process.env['UPSTREAM']?.split(',') ?? []
const JOB_MS = Number(process.env['JOB_MS'] ?? 0)

async function answer(request: IncomingMessage): Promise<string[]> {
  const said = [`${NAME} ${VERSION}`]
  if (request.url !== '/') return said
  const headers = FORWARDS[FORWARD]?.(request.headers) ?? {}
  for (const upstream of UPSTREAMS) said.push(...(await call(upstream, headers)))
  return said
}

async function call(upstream: string, headers: Record<string, string>): Promise<string[]> {
  // Every request has its own connection, so that none goes to a former owner of a Service's address.
  const response = await fetch(upstream, {
    headers: { ...headers, connection: 'close' },
    signal: AbortSignal.timeout(10_000),
  })
  if (!response.ok) throw new Error(`${upstream} returned ${response.status}`)
  return (await response.json()) as string[]
}

if (JOB_MS > 0)
  setInterval(() => {
    for (const upstream of UPSTREAMS) call(upstream, {}).catch(() => undefined)
  }, JOB_MS)

createServer((request, response) => {
  answer(request).then(
    (said) => response.setHeader('content-type', 'application/json').end(JSON.stringify(said)),
    (error: unknown) => response.writeHead(502).end(String(error)),
  )
}).listen(Number(PORT), HOST)
