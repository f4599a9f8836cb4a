import { createHash, randomBytes } from 'node:crypto'

/**
 * Trace ids that carry an environment. Many frameworks forward a trace id, or a request id, and drop every
 * other header; so the relay mints ids whose left half says which environment they belong to:
 *
 *   3 octets  marker `b7a9c1`
 *   5 octets  the environment's number: the first 40 bits of SHA-256 of its key
 *   8 octets  random, the half that W3C Trace Context level 2 asks to be so
 *
 * The number is computed from the key, so relays and managers agree on it without exchanging it. A reader
 * takes an id for one of ours only where marker and number are both known to it.
 */
const MARKER = 'b7a9c1'
/** In place of the marker: sidecars report the hops of a request whose trace id begins so. */
const EXPLAINED_MARKER = 'b7a9c2'
/** The number of nobody: a request without a key may be explained, too. */
const NO_NUMBER = '0000000000'
const NUMBER_DIGITS = 10
const POOL_BYTES = 4096

let pool = ''
let poolAt = 0

/** 16 random hexadecimal digits. Asked of the system for many ids at once: for each alone it cost more than the rest of an id. */
function randomDigits(): string {
  if (poolAt === pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex')
    poolAt = 0
  }
  poolAt += 16
  return pool.slice(poolAt - 16, poolAt)
}

/** The number of an environment in ids: 10 lower-case hexadecimal digits, from its key. */
export function environmentNumber(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, NUMBER_DIGITS)
}

/** A fresh trace id (32 lower-case hexadecimal digits, W3C Trace Context 3.2.2.3) for an environment. */
export function mintTraceId(number: string): string {
  return MARKER + number + randomDigits()
}

/**
 * The number in a trace id of 32 lower-case hexadecimal digits, or in its left half alone; undefined where it
 * has no marker.
 */
export function traceIdNumber(traceId: string): string | undefined {
  if (traceId.length !== 32 && traceId.length !== 16) return undefined
  if (!traceId.startsWith(MARKER) && !traceId.startsWith(EXPLAINED_MARKER)) return undefined
  const number = traceId.slice(MARKER.length, MARKER.length + NUMBER_DIGITS)
  return number === NO_NUMBER ? undefined : number
}

/** Whether the hops of a trace are to be reported, by its id, which may begin within a longer text. */
export const isExplained = (text: string, at = 0): boolean => text.startsWith(EXPLAINED_MARKER, at)

/**
 * Whether a text in lower case has a marker of ours anywhere: an id that a library may cut, join or rewrite into one
 * of ours.
 */
export const hasMarker = (text: string): boolean => text.includes(MARKER) || text.includes(EXPLAINED_MARKER)

/** The id of a trace that is explained: after one that a relay minted, or anew for a key, or for none. */
export function explainedTraceId(traceId: string | undefined, key: string | undefined): string {
  const isOurs = traceId !== undefined && traceIdNumber(traceId) !== undefined
  const plain = isOurs ? traceId : mintTraceId(key === undefined ? NO_NUMBER : environmentNumber(key))
  const explained = EXPLAINED_MARKER + plain.slice(EXPLAINED_MARKER.length)
  // One that goes through a request id and comes back the same, so that all hops are of one trace.
  return traceIdOfRequest(requestIdOf(explained)) as string
}

/**
 * A fresh `x-request-id` for an environment: a UUID of version 8 (RFC 9562, 5.8), whose free bits hold the
 * marker, the number and 58 random bits.
 */
export function mintRequestId(number: string): string {
  const random = randomDigits()
  const variant = '89ab'[Number.parseInt(random[0] as string, 16) & 3] as string
  return uuid(number, variant, random.slice(2))
}

/** The request id of a trace that a relay minted: the same octets, the version's and variant's bits apart. */
export function requestIdOf(traceId: string): string {
  const variant = '89ab'[Number.parseInt(traceId[16] as string, 16) & 3] as string
  const number = traceId.slice(MARKER.length, MARKER.length + NUMBER_DIGITS)
  return uuid(number, variant, traceId.slice(18), traceId.slice(0, MARKER.length))
}

/** A trace id for a request id that a relay minted: the same for the same. Undefined where it is none. */
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
 * The number in a request id that {@link mintRequestId} made, or undefined. The version's digit may be another:
 * Envoy writes there whether it traces the request (4, 9, a or b).
 */
export function requestIdNumber(requestId: string): string | undefined {
  if (!REQUEST_ID.test(requestId)) return undefined
  const number = numberIn(requestId)
  return number === NO_NUMBER ? undefined : number
}

const numberIn = (id: string): string => id.slice(6, 8) + id.slice(9, 13) + id.slice(15, 18) + id[20]

/** A `traceparent` (W3C Trace Context 3.2) of version 00, sampled, with a fresh parent id. */
export function mintTraceparent(number: string): string {
  return traceparentOf(mintTraceId(number))
}

/** The same for a trace id that is there. */
export function traceparentOf(traceId: string): string {
  return `00-${traceId}-${randomDigits()}-01`
}

/** The same as a valid `traceparent`, with a fresh parent id. */
export const withFreshParent = (traceparent: string): string =>
  traceparent.slice(0, PARENT_AT) + randomDigits() + traceparent.slice(PARENT_AT + 16)

/** The parent id of a valid `traceparent`. */
export const parentIdOf = (traceparent: string): string => traceparent.slice(PARENT_AT, PARENT_AT + 16)

const PARENT_AT = '00-'.length + 32 + '-'.length

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/

/** The trace id of a valid `traceparent` (any version but ff, W3C Trace Context 3.2.4), or undefined. */
export function traceparentId(traceparent: string): string | undefined {
  const match = TRACEPARENT.exec(traceparent)
  if (match === null || (traceparent.startsWith('00') && traceparent.length !== 55)) return undefined
  return match[1]
}
