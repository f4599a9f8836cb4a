import { explainedTraceId, isExplained, traceparentId, traceparentOf } from '@branchline/wire/trace-id'
import type { RequestHead } from '../../http/index.ts'
import { type ForeignId, type FoundKey, propagate } from '../key.ts'
import type { HopSpan } from '../tracing.ts'
import type { Surroundings } from './arrival.ts'

export type Field = readonly [name: string, value: string]

/** A request's trace, and how it and the key travel on. */
export interface Traced {
  readonly traceparent: string | undefined
  /** The fields to set, on every way. */
  readonly set: readonly Field[] | undefined
  /** Whether the hops of this request are to be reported. */
  readonly explained: boolean
  readonly span: HopSpan | undefined
}

/** What a request's trace becomes here: its own, ours where its key needs one, a span's where spans are made. */
export function traceOf(
  { tracer, explain }: Surroundings,
  head: RequestHead,
  found: FoundKey | ForeignId | undefined,
  asked: boolean,
): Traced {
  const set = found && propagate(head, found)
  const came = head.get('traceparent')
  const given = set === undefined ? came : (set.find(([name]) => name === 'traceparent')?.[1] ?? came)
  const explained = explain !== undefined && (asked || (given !== undefined && isExplained(given, 3)))
  const sent = explained ? explainedParent(given, found?.key) : given
  // A parent that was minted here is nobody's span; that of an id in another header is.
  const minted = sent !== came && !(sent === given && found?.source === 'id')
  const { method, target } = head
  const span = tracer?.begin({ method, path: pathOf(target), traceparent: sent, minted })
  const traceparent = span?.traceparent ?? sent
  if (traceparent === undefined || traceparent === given) return { traceparent, set, explained, span }
  const others = set?.filter(([name]) => name !== 'traceparent') ?? []
  return { traceparent, set: [...others, ['traceparent', traceparent]], explained, span }
}

/** Under an id that says so to every sidecar behind, whichever header carries it there. */
function explainedParent(traceparent: string | undefined, key: string | undefined): string {
  const traceId = traceparent === undefined ? undefined : traceparentId(traceparent)
  if (traceparent !== undefined && traceId !== undefined && isExplained(traceId)) return traceparent
  return traceparentOf(explainedTraceId(traceId, key))
}

/** A request's target without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?')
  return query === -1 ? target : target.slice(0, query)
}
