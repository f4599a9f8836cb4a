import {
  context,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  type IdGenerator,
  NodeTracerProvider,
  RandomIdGenerator,
} from '@opentelemetry/sdk-trace-node'
import { traceparentId } from '@branchline/wire/trace-id'
import type { RequestSpan, SpanAttributes, Tracer } from './tracing.ts'

/** The maximum spans that wait to be sent, and the timeouts of an export and of the last one. */
const MAX_QUEUED = 2_048
const EXPORT_TIMEOUT_MS = 5_000
const STOP_TIMEOUT_MS = 2_000
/** The maximum characters of an attribute. Longer ones are cut, because visitors choose paths. */
const MAX_ATTRIBUTE = 1_024
/** The methods that name a span. Others could be of any number (semantic conventions for HTTP). */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'])

/** Begins traces with the id that a request was given, because it names the environment. */
class GivenIds implements IdGenerator {
  next: string | undefined = undefined
  readonly #random = new RandomIdGenerator()

  generateTraceId(): string {
    return this.next ?? this.#random.generateTraceId()
  }

  generateSpanId(): string {
    return this.#random.generateSpanId()
  }
}

/** The process whose spans are sent. */
export interface TracedProcess {
  /** `service.name` of OpenTelemetry's resource. */
  readonly name: string
  readonly version: string
  /** Further attributes of the resource. */
  readonly resource: Readonly<Record<string, string | string[]>>
}

/** Creates a tracer that sends spans in batches to an OTLP/HTTP receiver. Spans that do not fit are dropped. */
export function startTracer(url: string, { name, version, resource }: TracedProcess): Tracer {
  const ids = new GivenIds()
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS })
  const provider = new NodeTracerProvider({
    idGenerator: ids,
    resource: resourceFromAttributes({ 'service.name': name, 'service.version': version, ...resource }),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE },
    spanProcessors: [
      new BatchSpanProcessor(exporter, { maxQueueSize: MAX_QUEUED, scheduledDelayMillis: 1_000 }),
    ],
  })
  const tracer = provider.getTracer('branchline', version)
  return {
    begin: ({ method, path, traceparent, minted }) => {
      const traceId = traceparent === undefined ? undefined : traceparentId(traceparent)
      const isChild = traceId !== undefined && !minted
      if (traceId !== undefined && minted) ids.next = traceId
      const span = tracer.startSpan(
        METHODS.has(method) ? method : 'HTTP',
        { kind: SpanKind.SERVER, attributes: { ...methodIn(method), 'url.path': path } },
        isChild ? remoteParent(traceId, traceparent as string) : ROOT_CONTEXT,
      )
      ids.next = undefined
      return requestSpan(span)
    },
    stop: async () => {
      const late = new Promise((resolve) => setTimeout(resolve, STOP_TIMEOUT_MS).unref())
      await Promise.race([provider.shutdown().catch(() => {}), late])
      context.disable()
    },
  }
}

const methodIn = (method: string): Record<string, string> =>
  METHODS.has(method)
    ? { 'http.request.method': method }
    : { 'http.request.method': '_OTHER', 'http.request.method_original': method }

function requestSpan(span: Span): RequestSpan {
  const { traceId, spanId, traceFlags } = span.spanContext()
  const flags = (traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')
  return {
    // A span that is not recorded must not become a parent, so forward the request unchanged.
    traceparent: span.isRecording() ? `00-${traceId}-${spanId}-${flags}` : undefined,
    end: ({ status, attributes }) => {
      span.setAttributes({ ...defined(attributes), 'http.response.status_code': status })
      if (status === 0 || status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end()
    },
  }
}

const defined = (attributes: SpanAttributes): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )

function remoteParent(traceId: string, traceparent: string): Context {
  const spanId = traceparent.slice(36, 52)
  const traceFlags = Number.parseInt(traceparent.slice(53, 55), 16) & TraceFlags.SAMPLED
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}
