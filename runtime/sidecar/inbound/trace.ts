import {
  explainedTraceId,
  isExplained,
  parentIdOf,
  traceparentId,
  traceparentOf,
  withFreshParent,
} from '@branchline/wire/trace-id'
import type { Head } from '../../proxy/head.ts'
import { type ForeignId, type FoundKey, propagate } from '../route/key.ts'
import type { HopSpan } from '../telemetry/tracing.ts'
import type { Surroundings } from './arrival.ts'

export type Field = readonly [name: string, value: string]

/** A request's trace, and how it and the key travel on. */
export interface Traced {
  readonly traceparent: string | undefined
  /** The fields to set, on every way. */
  readonly set: readonly Field[] | undefined
  /** Where the hops of this request are to be reported: the parent ids under which it goes on, and came. */
  readonly explained: { readonly id: string; readonly parent: string | undefined } | undefined
  readonly span: HopSpan | undefined
}

/** What a request's trace becomes here: its own, ours where its key needs one, a span's where spans are made. */
export function traceOf(
  { tracer, explain }: Surroundings,
  head: Head,
  found: FoundKey | ForeignId | undefined,
  asked: boolean,
): Traced {
  const set = found && propagate(head, found)
  const came = head.get('traceparent')
  const given = set === undefined ? came : (set.find(([name]) => name === 'traceparent')?.[1] ?? came)
  const asksForHops = explain !== undefined && (asked || (given !== undefined && isExplained(given, 3)))
  const sent = asksForHops ? explainedParent(given, found?.key) : given
  // A parent that was minted here is nobody's span; that of an id in another header is.
  const minted = sent !== came && !(sent === given && found?.source === 'id')
  const { method, target } = head
  const span = tracer?.begin({ method, path: pathOf(target), traceparent: sent, minted })
  if (!asksForHops) return withTraceparent(set, given, span?.traceparent ?? sent, span, undefined)
  // Told apart from every other hop by its parent id.
  const traceparent = span?.traceparent ?? withFreshParent(sent as string)
  return withTraceparent(set, given, traceparent, span, {
    id: parentIdOf(traceparent),
    parent: parentIn(head),
  })
}

function withTraceparent(
  set: Traced['set'],
  given: string | undefined,
  traceparent: string | undefined,
  span: HopSpan | undefined,
  explained: Traced['explained'],
): Traced {
  if (traceparent === undefined || traceparent === given) return { traceparent, set, explained, span }
  const others = set?.filter(([name]) => name !== 'traceparent') ?? []
  return { traceparent, set: [...others, ['traceparent', traceparent]], explained, span }
}

const SPAN_ID = /^[0-9a-f]{16}$/

/** The parent id under which a request came, in whichever header: apps may forward but one. */
function parentIn(head: Pick<Head, 'get'>): string | undefined {
  const traceparent = head.get('traceparent')
  if (traceparent !== undefined && traceparentId(traceparent) !== undefined) return parentIdOf(traceparent)
  const said =
    head.get('b3')?.split('-')[1] ??
    head.get('x-b3-spanid') ??
    head.get('uber-trace-id')?.split(':')[1]?.padStart(16, '0')
  return said !== undefined && SPAN_ID.test(said) ? said : undefined
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
