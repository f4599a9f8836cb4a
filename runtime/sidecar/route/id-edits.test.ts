import {
  environmentNumber,
  mintTraceId,
  requestIdNumber,
  requestIdOf,
  traceIdNumber,
} from '@branchline/wire/trace-id'
import { expect, test } from 'vitest'
import { ADDED_IDS, idEdits } from './id-edits.ts'

const id = mintTraceId(environmentNumber('alice'))
const traceparent = `00-${id}-00f067aa0ba902b7-01`
const edits = (
  values: Record<string, string>,
  parent: string | undefined = traceparent,
): Record<string, string> =>
  Object.fromEntries(idEdits({ get: (name) => values[name] }, 'alice', parent, ADDED_IDS))

test('every tracer gets the same trace and parent in its own header', () => {
  expect(edits({})).toEqual({
    b3: `${id}-00f067aa0ba902b7-1`,
    'x-b3-traceid': id,
    'x-b3-spanid': '00f067aa0ba902b7',
    'x-b3-sampled': '1',
    'uber-trace-id': `${id}:00f067aa0ba902b7:0:1`,
    'x-cloud-trace-context': `${id}/67667974448284343;o=1`,
    'x-request-id': requestIdOf(id),
  })
  expect(requestIdNumber(requestIdOf(id))).toBe(environmentNumber('alice'))
})

test('existing headers are never overwritten, and the other form of B3 is not added to one', () => {
  const all = { 'uber-trace-id': 'a', 'x-cloud-trace-context': 'b', 'x-request-id': 'c' }
  expect(edits({ ...all, b3: '0' })).toEqual({})
  expect(edits({ ...all, 'x-b3-traceid': 'd' })).toEqual({})
})

test('a trace that is not marked gets no other header, and the request id names the environment', () => {
  const foreign = edits({}, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')
  expect(Object.keys(foreign)).toEqual(['x-request-id'])
  expect(requestIdNumber(foreign['x-request-id'] ?? '')).toBe(environmentNumber('alice'))
  expect(traceIdNumber('4bf92f3577b34da6a3ce929d0e0e4736')).toBeUndefined()
})

test('nothing is added to a request without a key', () => {
  expect(idEdits({ get: () => undefined }, undefined, undefined, ADDED_IDS)).toEqual([])
})
