import type { RequestSpan, SpanAttributes, SpanEnd, Tracer as AnyTracer } from '../../telemetry/tracing.ts'

/** The result of a hop, for the end of its span. */
interface HopReport {
  readonly service: string
  /** The environment of this sidecar, and the one that served or should have served. */
  readonly own: string
  readonly environment: string
  readonly reason: string
  readonly key: string | undefined
  readonly endpoint: string | undefined
  /** 0 if the client got no response. */
  readonly status: number
  readonly error: string | undefined
}

/** One hop of a trace, while it runs. */
export type HopSpan = RequestSpan<HopReport>

/** Records hops as OpenTelemetry spans. */
export type Tracer = AnyTracer<HopReport>

/** The tracer of hops, from one of requests. */
export const hopTracer = (tracer: AnyTracer): Tracer => ({
  begin: (request) => {
    const span = tracer.begin(request)
    return { traceparent: span.traceparent, end: (report) => span.end(endOf(report)) }
  },
  stop: () => tracer.stop(),
})

const endOf = (report: HopReport): SpanEnd => ({ status: report.status, attributes: attributesOf(report) })

/** Attributes of OpenTelemetry's semantic conventions for HTTP, and our own. */
const attributesOf = (report: HopReport): SpanAttributes => ({
  'branchline.service': report.service,
  'branchline.environment': report.own,
  'branchline.target.environment': report.environment,
  'branchline.reason': report.reason,
  'branchline.key': report.key,
  'network.peer.address': report.endpoint,
  'error.type': report.error,
})
