import { createHash, randomBytes } from 'node:crypto'

/**
 * The marker of trace ids that carry an environment. Many frameworks forward a trace id or a request id and drop every
 * other header. So the relay generates ids whose left half identifies the environment:
 *
 *   3 bytes  marker `b7a9c1`
 *   5 bytes  the environment's number: the first 40 bits of SHA-256 of its key
 *   8 bytes  random, as W3C Trace Context level 2 requires of this half
 *
 * The number is computed from the key, so relays and managers agree on it without exchanging it. A reader accepts an id
 * as ours only if it knows both the marker and the number.
 */
const MARKER = 'b7a9c1'
/** The marker of a trace whose hops sidecars report. It replaces the other marker. */
const EXPLAINED_MARKER = 'b7a9c2'
/** The number of no environment: a request without a key can be explained too. */
const NO_NUMBER = '0000000000'
const NUMBER_DIGITS = 10
const POOL_BYTES = 4096

let pool = ''
let poolAt = 0

/**
 * Returns 16 random hexadecimal digits. It requests random bytes for many ids at once, because one request per id costs
 * more than the rest of the id.
 */
function randomDigits(): string {
  if (poolAt === pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex')
    poolAt = 0
  }
  poolAt += 16
  return pool.slice(poolAt - 16, poolAt)
}

/** Returns the number of an environment in ids, from its key: 10 lower-case hexadecimal digits. */
export function environmentNumber(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, NUMBER_DIGITS)
}

/** Generates a trace id for an environment (32 lower-case hexadecimal digits, W3C Trace Context 3.2.2.3). */
export function mintTraceId(number: string): string {
  return MARKER + number + randomDigits()
}

/**
 * Returns the number in a trace id of 32 lower-case hexadecimal digits, or in its left half. Returns undefined if the
 * id has no marker.
 */
export function traceIdNumber(traceId: string): string | undefined {
  if (traceId.length !== 32 && traceId.length !== 16) return undefined
  if (!traceId.startsWith(MARKER) && !traceId.startsWith(EXPLAINED_MARKER)) return undefined
  const number = traceId.slice(MARKER.length, MARKER.length + NUMBER_DIGITS)
  return number === NO_NUMBER ? undefined : number
}

/** Reports whether sidecars report the hops of a trace. The trace id begins at `at` in `text`. */
export const isExplained = (text: string, at = 0): boolean => text.startsWith(EXPLAINED_MARKER, at)

/**
 * Reports whether a lower-case text contains one of our markers. A library may cut, join or rewrite such a text into an
 * id of ours.
 */
export const hasMarker = (text: string): boolean => text.includes(MARKER) || text.includes(EXPLAINED_MARKER)

/** Returns the id of an explained trace. It is derived from a relay's trace id, or generated for a key or for no key. */
export function explainedTraceId(traceId: string | undefined, key: string | undefined): string {
  const isOurs = traceId !== undefined && traceIdNumber(traceId) !== undefined
  const plain = isOurs ? traceId : mintTraceId(key === undefined ? NO_NUMBER : environmentNumber(key))
  const explained = EXPLAINED_MARKER + plain.slice(EXPLAINED_MARKER.length)
  // The id must survive a conversion to a request id and back, so that all hops belong to one trace.
  return traceIdOfRequest(requestIdOf(explained)) as string
}

/**
 * Generates an `x-request-id` for an environment: a UUID of version 8 (RFC 9562, 5.8) whose free bits hold the marker,
 * the number and 58 random bits.
 */
export function mintRequestId(number: string): string {
  const random = randomDigits()
  const variant = '89ab'[Number.parseInt(random[0] as string, 16) & 3] as string
  return uuid(number, variant, random.slice(2))
}

/** Returns the request id of a relay's trace: the same bytes, except for the bits of version and variant. */
export function requestIdOf(traceId: string): string {
  const variant = '89ab'[Number.parseInt(traceId[16] as string, 16) & 3] as string
  const number = traceId.slice(MARKER.length, MARKER.length + NUMBER_DIGITS)
  return uuid(number, variant, traceId.slice(18), traceId.slice(0, MARKER.length))
}

/** Returns the trace id of a relay's request id, always the same one, or undefined if the request id is not ours. */
export function traceIdOfRequest(requestId: string): string | undefined {
  if (!REQUEST_ID.test(requestId)) return undefined
  return requestId.slice(0, MARKER.length) + numberIn(requestId) + requestId.slice(19).replace('-', '')
}

const uuid = (number: string, variant: string, random: string, marker = MARKER): string =>
  `${marker}${number.slice(0, 2)}-${number.slice(2, 6)}-8${number.slice(6, 9)}` +
  `-${variant}${number.slice(9)}${random.slice(0, 2)}-${random.slice(2)}`

const REQUEST_ID = new RegExp(
  `^(?:${MARKER}|${EXPLAINED_MARKER})[0-9a-f]{2}-[0-9a-f]{4}-[489ab][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
)

/**
 * Returns the number in a request id of {@link mintRequestId}, or undefined. The digit of the version may differ,
 * because Envoy records there whether it traces the request (4, 9, a or b).
 */
export function requestIdNumber(requestId: string): string | undefined {
  if (!REQUEST_ID.test(requestId)) return undefined
  const number = numberIn(requestId)
  return number === NO_NUMBER ? undefined : number
}

const numberIn = (id: string): string => id.slice(6, 8) + id.slice(9, 13) + id.slice(15, 18) + id[20]

/** Generates a `traceparent` of version 00 (W3C Trace Context 3.2), sampled, with a new trace id and parent id. */
export function mintTraceparent(number: string): string {
  return traceparentOf(mintTraceId(number))
}

/** Generates a `traceparent` for a trace id, with a new parent id. */
export function traceparentOf(traceId: string): string {
  return `00-${traceId}-${randomDigits()}-01`
}

/** Returns a valid `traceparent` with a new parent id. */
export const withFreshParent = (traceparent: string): string =>
  traceparent.slice(0, PARENT_AT) + randomDigits() + traceparent.slice(PARENT_AT + 16)

/** Returns the parent id of a valid `traceparent`. */
export const parentIdOf = (traceparent: string): string => traceparent.slice(PARENT_AT, PARENT_AT + 16)

const PARENT_AT = '00-'.length + 32 + '-'.length

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/

/** Returns the trace id of a valid `traceparent` (any version except ff, W3C Trace Context 3.2.4), or undefined. */
export function traceparentId(traceparent: string): string | undefined {
  const match = TRACEPARENT.exec(traceparent)
  if (match === null || (traceparent.startsWith('00') && traceparent.length !== 55)) return undefined
  return match[1]
}
