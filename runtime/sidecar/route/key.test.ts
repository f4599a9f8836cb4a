import { randomBytes } from 'node:crypto'
import { ID_HEADERS } from '@branchline/wire/id-headers'
import {
  environmentNumber,
  mintRequestId,
  mintTraceId,
  traceIdNumber,
  traceIdOfRequest,
  traceparentId,
} from '@branchline/wire/trace-id'
import { readTracestateKey } from '@branchline/wire/tracestate'
import { expect, test } from 'vitest'
import { callerAddress, type Fields, type FoundKey, propagate, readKey } from './key.ts'

const known = new Map([...Array(1000).keys()].map((n) => [environmentNumber(`branch-${n}`), `branch-${n}`]))
const root = { keyOfNumber: (number: string) => known.get(number), onBranch: false }
const branch = { ...root, onBranch: true }
const byId = (values: Record<string, string>, numbers = root): unknown =>
  readKey(fields(values), { header: undefined, callerKey: 'from-caller', numbers })

const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const fields = (values: Record<string, string>): Fields => ({ get: (name) => values[name] })

const all = {
  tracestate: 'vendor=1,branchline=from-tracestate',
  baggage: 'branchline=from-baggage',
  'kubernetes-route-as': 'from-header',
}
const { tracestate: _1, ...noTracestate } = all
const { baggage: _2, ...noBaggage } = noTracestate

test.each([
  [all, 'from-tracestate', 'tracestate'],
  [noTracestate, 'from-baggage', 'baggage'],
  [noBaggage, 'from-header', 'header'],
  [{}, 'from-caller', 'caller'],
  [
    { tracestate: 'branchline=NOT A KEY', baggage: 'other=1', 'kubernetes-route-as': '-' },
    'from-caller',
    'caller',
  ],
])('reads %j', (values, key, source) => {
  const found = readKey(fields(values), {
    header: 'kubernetes-route-as',
    callerKey: 'from-caller',
    numbers: undefined,
  })
  expect(found).toEqual({ key, source })
})

test('a header is read only if it is configured, and without a key the request belongs to the baseline', () => {
  expect(
    readKey(fields(noBaggage), { header: undefined, callerKey: undefined, numbers: undefined }),
  ).toBeUndefined()
})

test.each(['tracestate', 'baggage'] as const)('a key in %s is never changed', (source) => {
  expect(propagate(fields(all), { key: 'alice', source })).toBeUndefined()
})

test.each<FoundKey>([
  { key: 'alice', source: 'header' },
  { key: 'alice', source: 'caller' },
])('a key from $source is added to existing entries', (found) => {
  const edits = propagate(fields({ tracestate: 'a=1,b=2', baggage: 'c=3', traceparent: PARENT }), found)
  expect(edits).toEqual([
    ['tracestate', 'branchline=alice,a=1,b=2'],
    ['baggage', 'branchline=alice,c=3'],
  ])
})

test.each<Record<string, string>>([{}, { traceparent: 'garbage' }])(
  'a traceparent is minted if there is no valid one: %j',
  (values) => {
    const edits = new Map(propagate(fields(values), { key: 'alice', source: 'caller' }))
    expect(readTracestateKey(edits.get('tracestate') ?? '')).toBe('alice')
    const traceId = traceparentId(edits.get('traceparent') ?? '')
    expect(traceIdNumber(traceId ?? '')).toBe(environmentNumber('alice'))
  },
)

test('an IPv4 caller of a dual-stack socket has the address of its pod', () => {
  expect(callerAddress('::ffff:10.0.0.1')).toBe('10.0.0.1')
  expect(callerAddress('10.0.0.1')).toBe('10.0.0.1')
  expect(callerAddress('fd00::1')).toBe('fd00::1')
})

const id = mintTraceId(environmentNumber('branch-7'))
const requestId = mintRequestId(environmentNumber('branch-7'))

test.each<[name: string, value: string, traceId: string | undefined]>([
  ['traceparent', `00-${id}-00f067aa0ba902b7-01`, id],
  ['b3', `${id}-00f067aa0ba902b7-1-05e3ac9a4f6e3b90`, id],
  ['b3', `${id.slice(0, 16)}-00f067aa0ba902b7-1`, undefined],
  ['x-b3-traceid', id.toUpperCase(), id],
  ['uber-trace-id', `${id}:00f067aa0ba902b7:0:1`, id],
  ['uber-trace-id', `${id}%3A00f067aa0ba902b7%3A0%3A1`, id],
  ['x-cloud-trace-context', `${id}/67667974448284343;o=1`, id],
  ['x-request-id', requestId, traceIdOfRequest(requestId)],
  ['x-request-id', `${requestId.slice(0, 14)}9${requestId.slice(15)}`, traceIdOfRequest(requestId)],
  ['x-request-id', `${requestId}, other`, traceIdOfRequest(requestId)],
])('a key is read from %s: %s', (name, value, traceId) => {
  expect(byId({ [name]: value })).toEqual({ key: 'branch-7', source: 'id', traceId })
  expect(byId({ [name]: value, baggage: 'branchline=bob' })).toEqual({ key: 'bob', source: 'baggage' })
})

test.each<[Record<string, string>]>([
  [{ b3: '0' }],
  [{ b3: `0${id}-00f067aa0ba902b7` }],
  [{ 'x-b3-traceid': id.slice(16) }],
  [{ 'x-request-id': `x${requestId}` }],
  [{ 'x-request-id': requestId.replaceAll('-', '') }],
  [{ traceparent: `00-${id.slice(16)}${id.slice(0, 16)}-00f067aa0ba902b7-01` }],
])('%j names no environment', (values) => {
  expect(byId(values)).toEqual({ key: 'from-caller', source: 'caller' })
})

test('a tracer that keeps the low 64 bits of an id alone loses the environment', () => {
  expect(byId({ b3: `${id.slice(16)}-00f067aa0ba902b7-1` })).toMatchObject({ source: 'caller' })
})

test('on a branch, an id of an unknown environment is foreign, unless another id is known', () => {
  const other = mintRequestId(environmentNumber('nobody'))
  expect(byId({ 'x-request-id': other })).toMatchObject({ source: 'caller' })
  expect(byId({ 'x-request-id': other }, branch)).toEqual({
    key: undefined,
    source: 'id',
    traceId: traceIdOfRequest(other),
  })
  expect(
    byId(
      { traceparent: `00-${mintTraceId(environmentNumber('nobody'))}-00f067aa0ba902b7-01`, b3: id },
      branch,
    ),
  ).toMatchObject({ key: 'branch-7' })
})

test('a key from an id is forwarded with the same trace', () => {
  const values = { b3: `${id}-00f067aa0ba902b7-1` }
  const edits = new Map(propagate(fields(values), { key: 'branch-7', source: 'id', traceId: id }))
  expect(edits.get('tracestate')).toBe('branchline=branch-7')
  expect(edits.get('baggage')).toBe('branchline=branch-7')
  expect(traceparentId(edits.get('traceparent') ?? '')).toBe(id)
  // The environment need not be known for that.
  const unknown = new Map(propagate(fields(values), { key: undefined, source: 'id', traceId: id }))
  expect([...unknown.keys()]).toEqual(['traceparent'])
  expect(traceparentId(unknown.get('traceparent') ?? '')).toBe(id)
})

test('a million random ids are never read as a key', () => {
  const readers = new Map(ID_HEADERS)
  let seen = 0
  for (let round = 0; round < 1000; round++) {
    const bytes = randomBytes(16_000).toString('hex')
    for (let at = 0; at < bytes.length; at += 32) {
      const random = bytes.slice(at, at + 32)
      const value = round % 2 === 0 ? random : asUuid(random)
      const found = readers.get(round % 2 === 0 ? 'b3' : 'x-request-id')?.(value)
      if (found !== undefined && known.has(found.number)) throw new Error(`${value} is read as a key`)
      seen++
    }
  }
  expect(seen).toBe(1_000_000)
})

const asUuid = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
