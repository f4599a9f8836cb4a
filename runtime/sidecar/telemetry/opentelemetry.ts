import {
  type Attributes,
  context,
  type Context,
  ROOT_CONTEXT,
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
import type { Inbound } from '@branchline/wire/inbound'
import { traceparentId } from '@branchline/wire/trace-id'
import type { HopReport, HopSpan, Tracer } from './tracing.ts'

/** The maximum spans that wait to be sent, and the timeouts of an export and of the last one. */
const MAX_QUEUED = 2_048
const EXPORT_TIMEOUT_MS = 5_000
const STOP_TIMEOUT_MS = 2_000

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

/** Creates a tracer that sends spans in batches to an OTLP/HTTP receiver. Spans that do not fit are dropped. */
export function startTracer(url: string, inbound: readonly Inbound[], version: string): Tracer {
  const ids = new GivenIds()
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS })
  const provider = new NodeTracerProvider({
    idGenerator: ids,
    resource: resourceFromAttributes({
      'service.name': 'branchline-sidecar',
      'service.version': version,
      'branchline.inbound': inbound.map(({ port, appPort }) => `${port}=${appPort}`),
    }),
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
        method,
        { kind: SpanKind.SERVER, attributes: { 'http.request.method': method, 'url.path': path } },
        isChild ? remoteParent(traceId, traceparent as string) : ROOT_CONTEXT,
      )
      ids.next = undefined
      const { traceId: id, spanId, traceFlags } = span.spanContext()
      // A span that is not recorded must not become a parent, so forward the request unchanged.
      const recorded = span.isRecording()
      const flags = (traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')
      const hop: HopSpan = {
        traceparent: recorded ? `00-${id}-${spanId}-${flags}` : undefined,
        end: (report) => {
          span.setAttributes(attributesOf(report))
          if (report.status === 0 || report.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
          span.end()
        },
      }
      return hop
    },
    stop: async () => {
      const late = new Promise((resolve) => setTimeout(resolve, STOP_TIMEOUT_MS).unref())
      await Promise.race([provider.shutdown().catch(() => {}), late])
      context.disable()
    },
  }
}

function remoteParent(traceId: string, traceparent: string): Context {
  const spanId = traceparent.slice(36, 52)
  const traceFlags = Number.parseInt(traceparent.slice(53, 55), 16) & TraceFlags.SAMPLED
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}

/** Attributes of OpenTelemetry's semantic conventions for HTTP, and our own. */
function attributesOf(report: HopReport): Attributes {
  const { service, own, environment, reason, key, endpoint, status, error } = report
  return {
    'http.response.status_code': status,
    'branchline.service': service,
    'branchline.environment': own,
    'branchline.target.environment': environment,
    'branchline.reason': reason,
    ...(key !== undefined && { 'branchline.key': key }),
    ...(endpoint !== undefined && { 'network.peer.address': endpoint }),
    ...(error !== undefined && { 'error.type': error }),
  }
}
