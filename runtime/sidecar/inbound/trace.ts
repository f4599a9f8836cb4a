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
import type { SidecarContext } from './context.ts'

export type Field = readonly [name: string, value: string]

/** A request's trace, and the fields that forward the trace and the key. */
export interface Traced {
  readonly traceparent: string | undefined
  /** The fields to set on every request that goes out. */
  readonly set: readonly Field[] | undefined
  /** Set if the hops of this request are reported: the parent ids with which it is forwarded, and with which it came. */
  readonly explained: { readonly id: string; readonly parent: string | undefined } | undefined
  readonly span: HopSpan | undefined
}

/** `fields` are those of the head that count. The trace with which a request is forwarded: its own, a new one if its key needs one, or that of a recorded span. */
export function traceOf(
  { tracer, explain }: SidecarContext,
  head: Pick<Head, 'method' | 'target'>,
  fields: Pick<Head, 'get'>,
  found: FoundKey | ForeignId | undefined,
  asksForPath: boolean,
): Traced {
  const set = found && propagate(fields, found)
  const came = fields.get('traceparent')
  const given = set === undefined ? came : (set.find(([name]) => name === 'traceparent')?.[1] ?? came)
  const asksForHops = explain !== undefined && (asksForPath || (given !== undefined && isExplained(given, 3)))
  const sent = asksForHops ? explainedParent(given, found?.key) : given
  // A parent that was minted here belongs to no span. One from an id in another header does.
  const minted = sent !== came && !(sent === given && found?.source === 'id')
  const { method, target } = head
  const span = tracer?.begin({ method, path: pathOf(target), traceparent: sent, minted })
  if (!asksForHops) return withTraceparent(set, given, span?.traceparent ?? sent, span, undefined)
  // The parent id distinguishes this hop from every other.
  const traceparent = span?.traceparent ?? withFreshParent(sent as string)
  return withTraceparent(set, given, traceparent, span, {
    id: parentIdOf(traceparent),
    parent: parentIn(fields),
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

/** The parent id with which a request came, in any supported header, because an app may forward only one. */
function parentIn(head: Pick<Head, 'get'>): string | undefined {
  const traceparent = head.get('traceparent')
  if (traceparent !== undefined && traceparentId(traceparent) !== undefined) return parentIdOf(traceparent)
  const parentId =
    head.get('b3')?.split('-')[1] ??
    head.get('x-b3-spanid') ??
    head.get('uber-trace-id')?.split(':')[1]?.padStart(16, '0')
  return parentId !== undefined && SPAN_ID.test(parentId) ? parentId : undefined
}

/** A traceparent whose trace id asks all further sidecars to report their hops, whichever header forwards it. */
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
