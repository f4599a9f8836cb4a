import { readBaggageKey, writeBaggageKey } from '@branchline/wire/baggage'
import { isKey } from '@branchline/wire/key'
import { environmentNumber, mintTraceparent, traceparentId } from '@branchline/wire/trace-id'
import { readTracestateKey, writeTracestateKey } from '@branchline/wire/tracestate'

/** Where a key was found, in the order in which they are asked (wire/SPEC.md, section 1). */
export const KEY_SOURCES = ['tracestate', 'baggage', 'header', 'id', 'caller'] as const
export type KeySource = (typeof KEY_SOURCES)[number]

/** A request's key, and where it was. */
export interface FoundKey {
  readonly key: string
  readonly source: KeySource
}

/** The fields of a request head: the values of a name in lower case, several joined by commas. */
export interface Fields {
  get(name: string): string | undefined
}

/** What a sidecar knows of keys beside the request. */
export interface KeyContext {
  /** The configured header, in lower case. */
  readonly header: string | undefined
  /** The key of the branch whose pod sent this, by the table. */
  readonly callerKey: string | undefined
  /** The key of an environment's number in ids (wire/trace-id.ts). None is given yet: ids are not read. */
  readonly keyOfNumber?: (number: string) => string | undefined
}

/** Whose request it is, or undefined: the baseline's. A value that is no key is skipped, never an error. */
export function readKey(fields: Fields, context: KeyContext): FoundKey | undefined {
  const tracestate = fields.get('tracestate')
  let key = tracestate === undefined ? undefined : readTracestateKey(tracestate)
  if (key !== undefined) return { key, source: 'tracestate' }
  const baggage = fields.get('baggage')
  key = baggage === undefined ? undefined : readBaggageKey(baggage)
  if (key !== undefined) return { key, source: 'baggage' }
  key = context.header === undefined ? undefined : fields.get(context.header)?.trim()
  if (key !== undefined && isKey(key)) return { key, source: 'header' }
  key = context.callerKey
  return key === undefined ? undefined : { key, source: 'caller' }
}

/**
 * The fields to set so that a key which neither `tracestate` nor `baggage` has travels on: both lists with
 * ours at the left and, since OpenTelemetry drops `tracestate` without one, a `traceparent` where there is no
 * valid one. Undefined where the key travels already: what is present is never overwritten.
 */
export function propagate(
  fields: Fields,
  found: FoundKey,
): ReadonlyArray<readonly [string, string]> | undefined {
  if (found.source === 'tracestate' || found.source === 'baggage') return undefined
  const set: Array<readonly [string, string]> = [
    ['tracestate', writeTracestateKey(fields.get('tracestate') ?? '', found.key)],
    ['baggage', writeBaggageKey(fields.get('baggage') ?? '', found.key)],
  ]
  const traceparent = fields.get('traceparent')
  if (traceparent === undefined || traceparentId(traceparent) === undefined) {
    set.push(['traceparent', mintTraceparent(environmentNumber(found.key))])
  }
  return set
}

/** An address as route tables have it: an IPv4 peer of a dual-stack socket is mapped (RFC 4291, 2.5.5.2). */
export function callerAddress(remoteAddress: string): string {
  return remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress
}
