import {
  environmentNumber,
  mintRequestId,
  requestIdOf,
  traceIdNumber,
  traceparentId,
} from '@branchline/wire/trace-id'
import type { Fields } from './key.ts'

/** The id headers that may be added, by the tracers that read them. */
export const ADDED_IDS = ['b3', 'x-b3', 'uber-trace-id', 'x-cloud-trace-context', 'x-request-id'] as const
export type AddedId = (typeof ADDED_IDS)[number]

type Field = readonly [name: string, value: string]

/**
 * The id headers that an app beside this sidecar is to be given beside its own, so that whatever it forwards
 * says whose request it is: each that is wanted and not there, with the trace and the parent of `traceparent`,
 * where its id is one of ours. One trace under several names: a tracer that reads more than one sees no other.
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
      // Of the trace where that says it: no hash, and one id all the way.
      if (traceId !== undefined) set.push([name, requestIdOf(traceId)])
      else if (key !== undefined) set.push([name, mintRequestId(environmentNumber(key))])
    } else if (traceId !== undefined) addTrace(set, fields, name, traceparent as string)
  }
  return set
}

function ourTraceId(traceparent: string): string | undefined {
  // Most ids are not ours: told by their first digits, before anything is checked.
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
