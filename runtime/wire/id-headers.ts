import { requestIdNumber, traceIdNumber, traceIdOfRequest } from './trace-id.ts'

/** The environment's number in an id, and the trace id that contains it. Half of a trace id has no `traceId`. */
export interface NumberedId {
  readonly number: string
  readonly traceId: string | undefined
}

/** Reads a header's value. Returns undefined if it contains no id of ours. */
type Reader = (value: string) => NumberedId | undefined

/** Reads a trace id at the beginning of a value. B3, Jaeger and Google Cloud differ only in what follows. */
const fromStart: Reader = (value) => numberedTraceId(/^[0-9a-fA-F]+/.exec(value)?.[0])

/**
 * The headers in which frameworks forward an id, in the order in which they are read: W3C Trace Context, B3 (single,
 * then multiple), Jaeger, Google Cloud, and the request id of Envoy and many others.
 */
export const ID_HEADERS: ReadonlyArray<readonly [name: string, read: Reader]> = [
  ['traceparent', (value) => numberedTraceId(/^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(value)?.[1])],
  ['b3', fromStart],
  ['x-b3-traceid', fromStart],
  ['uber-trace-id', fromStart],
  ['x-cloud-trace-context', fromStart],
  ['x-request-id', numberedRequestId],
]

/** Accepts left halves too: a 64-bit tracer that keeps the left half still identifies the environment. */
function numberedTraceId(id: string | undefined): NumberedId | undefined {
  if (id === undefined || (id.length !== 32 && id.length !== 16)) return undefined
  const traceId = id.toLowerCase()
  const number = traceIdNumber(traceId)
  return number === undefined ? undefined : { number, traceId: id.length === 32 ? traceId : undefined }
}

function numberedRequestId(value: string): NumberedId | undefined {
  const id = value.slice(0, 36).toLowerCase()
  const number = requestIdNumber(id)
  return number === undefined ? undefined : { number, traceId: traceIdOfRequest(id) }
}
