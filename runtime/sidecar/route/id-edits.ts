import {
  environmentNumber,
  mintRequestId,
  requestIdOf,
  traceIdNumber,
  traceparentId,
} from '@branchline/wire/trace-id'
import type { Fields } from './key.ts'

/** The id headers that may be added, each for the tracers that read it. */
export const ADDED_IDS = ['b3', 'x-b3', 'uber-trace-id', 'x-cloud-trace-context', 'x-request-id'] as const
export type AddedId = (typeof ADDED_IDS)[number]

type Field = readonly [name: string, value: string]

/**
 * The id headers to add to a request for the pod's app, so that any header that the app forwards identifies the
 * environment. They are the wanted ones that the request lacks, with the trace and parent of `traceparent` if its id is
 * a marked one. All headers carry the same trace, so a tracer that reads several sees only one.
 */
export function idEdits(
  fields: Fields,
  key: string | undefined,
  traceparent: string | undefined,
  wanted: readonly AddedId[],
): readonly Field[] {
  const set: Field[] = []
  const traceId = traceparent === undefined ? undefined : ourTraceId(traceparent)
  for (const name of wanted) {
    if (name === 'x-request-id') {
      if (fields.get(name) !== undefined) continue
      // Derive it from the trace if that is marked: this needs no hash and keeps one id on the whole path.
      if (traceId !== undefined) set.push([name, requestIdOf(traceId)])
      else if (key !== undefined) set.push([name, mintRequestId(environmentNumber(key))])
    } else if (traceId !== undefined) addTrace(set, fields, name, traceparent as string)
  }
  return set
}

function ourTraceId(traceparent: string): string | undefined {
  // Most ids are not marked. Their first digits show it, before any other check.
  if (traceIdNumber(traceparent.slice(3, 35)) === undefined) return undefined
  return traceparentId(traceparent)
}

function addTrace(set: Field[], fields: Fields, name: AddedId, traceparent: string): void {
  const traceId = traceparent.slice(3, 35)
  const parentId = traceparent.slice(36, 52)
  const sampled = (Number.parseInt(traceparent.slice(53, 55), 16) & 1).toString()
  const multiple = fields.get('x-b3-traceid') !== undefined
  if (name === 'x-b3') {
    if (multiple || fields.get('b3') !== undefined) return
    set.push(['x-b3-traceid', traceId], ['x-b3-spanid', parentId], ['x-b3-sampled', sampled])
  } else if (fields.get(name) === undefined) {
    if (name === 'b3' && !multiple) set.push([name, `${traceId}-${parentId}-${sampled}`])
    if (name === 'uber-trace-id') set.push([name, `${traceId}:${parentId}:0:${sampled}`])
    if (name === 'x-cloud-trace-context')
      set.push([name, `${traceId}/${BigInt(`0x${parentId}`)};o=${sampled}`])
  }
}
