import { expect, test } from 'vitest'
import {
  environmentNumber,
  explainedTraceId,
  isExplained,
  mintRequestId,
  mintTraceId,
  mintTraceparent,
  parentIdOf,
  requestIdNumber,
  requestIdOf,
  traceIdNumber,
  traceIdOfRequest,
  traceparentId,
  withFreshParent,
} from './trace-id.ts'

test('the number of a key is pinned', () => {
  expect(environmentNumber('alice')).toBe('2bd806c97f')
})

test('a trace id has the pinned form, is read back, and is unique', () => {
  const id = mintTraceId(environmentNumber('alice'))
  expect(id).toMatch(/^b7a9c12bd806c97f[0-9a-f]{16}$/)
  expect(traceIdNumber(id)).toBe('2bd806c97f')
  expect(mintTraceId('2bd806c97f')).not.toBe(id)
})

test('a request id is a UUID of version 8 and is read back', () => {
  for (let count = 0; count < 100; count++) {
    const id = mintRequestId('2bd806c97f')
    expect(id).toMatch(/^b7a9c12b-d806-8c97-[89ab]f[0-9a-f]{2}-[0-9a-f]{12}$/)
    expect(requestIdNumber(id)).toBe('2bd806c97f')
  }
})

test.each(['', 'b7a9c1', '4bf92f3577b34da6a3ce929d0e0e4736', '123e4567-e89b-82d3-a456-426614174000'])(
  '%j has no number of ours',
  (id) => {
    expect(traceIdNumber(id)).toBeUndefined()
    expect(requestIdNumber(id)).toBeUndefined()
  },
)

test.each([
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '4bf92f3577b34da6a3ce929d0e0e4736'],
  ['01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more', '4bf92f3577b34da6a3ce929d0e0e4736'],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more', undefined],
  ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', undefined],
  ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', undefined],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', undefined],
  ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', undefined],
  ['garbage', undefined],
])('traceparent %s has the trace id %s', (traceparent, id) => {
  expect(traceparentId(traceparent)).toBe(id)
})

test('a generated traceparent is valid', () => {
  expect(traceparentId(mintTraceparent('2bd806c97f'))).toMatch(/^b7a9c12bd806c97f/)
})

test('an explained id is one of ours, and survives the conversion to a request id', () => {
  for (let count = 0; count < 100; count++) {
    const id = explainedTraceId(mintTraceId('2bd806c97f'), undefined)
    expect(id).toMatch(/^b7a9c22bd806c97f[89ab]f[0-9a-f]{14}$/)
    expect([isExplained(id), traceIdNumber(id)]).toEqual([true, '2bd806c97f'])
    const requestId = requestIdOf(id)
    expect(requestIdNumber(requestId)).toBe('2bd806c97f')
    expect(traceIdOfRequest(requestId)).toBe(id)
  }
})

test('a request without a key can be explained, and belongs to no environment', () => {
  const id = explainedTraceId(undefined, undefined)
  expect([isExplained(id), traceIdNumber(id), requestIdNumber(requestIdOf(id))]).toEqual([
    true,
    undefined,
    undefined,
  ])
  expect(traceIdNumber(explainedTraceId(undefined, 'alice'))).toBe('2bd806c97f')
})

test('a new parent id changes nothing else in a traceparent, and is read back', () => {
  const given = '00-b7a9c12bd806c97f123a21cb6146a38c-b66862ef3591637b-00'
  const fresh = withFreshParent(given)
  expect(parentIdOf(given)).toBe('b66862ef3591637b')
  expect(parentIdOf(fresh)).toMatch(/^[0-9a-f]{16}$/)
  expect(parentIdOf(fresh)).not.toBe(parentIdOf(given))
  expect(fresh.replace(parentIdOf(fresh), 'b66862ef3591637b')).toBe(given)
  const later = 'cc-b7a9c12bd806c97f123a21cb6146a38c-b66862ef3591637b-01-what comes'
  expect(withFreshParent(later)).toMatch(/^cc-b7a9c12bd806c97f123a21cb6146a38c-[0-9a-f]{16}-01-what comes$/)
})
