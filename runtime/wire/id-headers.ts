import { requestIdNumber, traceIdNumber, traceIdOfRequest } from './trace-id.ts'

/** An environment's number in an id, and a trace id that says the same: none for half a one. */
export interface NumberedId {
  readonly number: string
  readonly traceId: string | undefined
}

/** What a header's value says, or undefined where it has no id of ours. */
type Reader = (value: string) => NumberedId | undefined

/** A trace id at the beginning of a value: B3, Jaeger and Google Cloud differ in what follows. */
const fromStart: Reader = (value) => numberedTraceId(/^[0-9a-fA-F]+/.exec(value)?.[0])

/**
 * The headers in which frameworks forward an id, in the order in which they are asked: W3C Trace Context, B3
 * (single, then multiple), Jaeger, Google Cloud, and the request id of Envoy and many others.
 */
export const ID_HEADERS: ReadonlyArray<readonly [name: string, read: Reader]> = [
  ['traceparent', (value) => numberedTraceId(/^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(value)?.[1])],
  ['b3', fromStart],
  ['x-b3-traceid', fromStart],
  ['uber-trace-id', fromStart],
  ['x-cloud-trace-context', fromStart],
  ['x-request-id', numberedRequestId],
]

/** Left halves count, too: a tracer of 64 bits that keeps the left one still says whose request it is. */
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
