import { readBaggageKey, writeBaggageKey } from '@branchline/wire/baggage'
import { ID_HEADERS } from '@branchline/wire/id-headers'
import { isKey } from '@branchline/wire/key'
import { environmentNumber, mintTraceparent, traceparentId, traceparentOf } from '@branchline/wire/trace-id'
import { readTracestateKey, writeTracestateKey } from '@branchline/wire/tracestate'

/** The sources of a key, in the order in which they are read (wire/SPEC.md, section 1). */
const KEY_SOURCES = ['host', 'tracestate', 'baggage', 'header', 'id', 'caller'] as const
type KeySource = (typeof KEY_SOURCES)[number]

/** A request's key, and its source. */
export interface FoundKey {
  readonly key: string
  readonly source: KeySource
  /** The trace id from which the key was read, if it has all of its 32 digits. */
  readonly traceId?: string | undefined
}

/** A marked id whose environment this sidecar does not know: a branch that changes nothing here. */
export interface ForeignId {
  readonly key: undefined
  readonly source: 'id'
  readonly traceId?: string | undefined
}

/** The fields of a request head. Names are in lower case, and several values are joined by commas. */
export interface Fields {
  get(name: string): string | undefined
}

/** What a sidecar knows about keys in addition to the request. */
export interface KeyContext {
  /** The configured header, in lower case. */
  readonly header: string | undefined
  /** The key of the branch whose pod sent the request, from the table. */
  readonly callerKey: string | undefined
  /** The keys of environments' numbers in ids. Without it, ids are not read. */
  readonly numbers: Numbers | undefined
  /** The keys of possible callers, by their numbers. */
  readonly callers?: { keyOfCallerNumber(number: string): string | undefined } | undefined
}

/** What a listener knows about environments' numbers (wire/trace-id.ts). */
interface Numbers {
  keyOfNumber(number: string): string | undefined
  /** Whether an id of an unknown environment marks another branch's request. */
  readonly onBranch: boolean
}

/** The key of a request. Undefined: it belongs to the baseline. An invalid value is skipped, and never an error. */
export function readKey(fields: Fields, context: KeyContext): FoundKey | ForeignId | undefined {
  const tracestate = fields.get('tracestate')
  let key = tracestate === undefined ? undefined : readTracestateKey(tracestate)
  if (key !== undefined) return { key, source: 'tracestate' }
  const baggage = fields.get('baggage')
  key = baggage === undefined ? undefined : readBaggageKey(baggage)
  if (key !== undefined) return { key, source: 'baggage' }
  key = context.header === undefined ? undefined : fields.get(context.header)?.trim()
  if (key !== undefined && isKey(key)) return { key, source: 'header' }
  const byId = context.numbers && readIds(fields, context.numbers, context.callers)
  if (byId?.key !== undefined) return byId
  key = context.callerKey
  if (key === undefined || (byId !== undefined && context.numbers?.onBranch === true)) return byId
  return { key, source: 'caller' }
}

/** A known id takes precedence over an unknown one, whatever their order. */
function readIds(
  fields: Fields,
  numbers: Numbers,
  callers: KeyContext['callers'],
): FoundKey | ForeignId | undefined {
  let foreign: ForeignId | undefined
  for (const [name, read] of ID_HEADERS) {
    const value = fields.get(name)
    const id = value === undefined ? undefined : read(value)
    if (id === undefined) continue
    const key = numbers.keyOfNumber(id.number) ?? callers?.keyOfCallerNumber(id.number)
    if (key !== undefined) return { key, source: 'id', traceId: id.traceId }
    foreign ??= { key: undefined, source: 'id', traceId: id.traceId }
  }
  return foreign
}

/**
 * The fields to set so that the app forwards a key, or an unknown marked id, that is in neither `tracestate` nor
 * `baggage`: both lists with the key at the left, and a `traceparent` if there is no valid one, because OpenTelemetry
 * drops `tracestate` without it. Undefined if the key is already in a list. Existing keys are never overwritten.
 */
export function propagate(
  fields: Fields,
  found: FoundKey | ForeignId,
): ReadonlyArray<readonly [string, string]> | undefined {
  if (found.source === 'host' || found.source === 'tracestate' || found.source === 'baggage') return undefined
  const minted = mintedParent(fields, found)
  if (found.key === undefined) return minted === undefined ? undefined : [minted]
  const set: Array<readonly [string, string]> = [
    ['tracestate', writeTracestateKey(fields.get('tracestate') ?? '', found.key)],
    ['baggage', writeBaggageKey(fields.get('baggage') ?? '', found.key)],
  ]
  if (minted !== undefined) set.push(minted)
  return set
}

/** A `traceparent` if there is no valid one: of the trace in another header, or a new one. */
function mintedParent(
  fields: Fields,
  { key, traceId }: FoundKey | ForeignId,
): readonly [string, string] | undefined {
  const traceparent = fields.get('traceparent')
  if (traceparent !== undefined && traceparentId(traceparent) !== undefined) return undefined
  if (traceId !== undefined) return ['traceparent', traceparentOf(traceId)]
  return key === undefined ? undefined : ['traceparent', mintTraceparent(environmentNumber(key))]
}

/** An address in the form of route tables: without the mapping of IPv4 peers of dual-stack sockets (RFC 4291, 2.5.5.2). */
export function callerAddress(remoteAddress: string): string {
  return remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress
}
