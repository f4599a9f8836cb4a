import { traceIdNumber, environmentNumber, traceparentId } from '@branchline/wire/trace-id'
import { readTracestateKey } from '@branchline/wire/tracestate'
import { expect, test } from 'vitest'
import { callerAddress, type Fields, type FoundKey, propagate, readKey } from './key.ts'

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
  const found = readKey(fields(values), { header: 'kubernetes-route-as', callerKey: 'from-caller' })
  expect(found).toEqual({ key, source })
})

test('a header is read where it is configured, and nobody else is the baseline', () => {
  expect(readKey(fields(noBaggage), { header: undefined, callerKey: undefined })).toBeUndefined()
})

test.each(['tracestate', 'baggage'] as const)('a key in %s is never touched', (source) => {
  expect(propagate(fields(all), { key: 'alice', source })).toBeUndefined()
})

test.each<FoundKey>([
  { key: 'alice', source: 'header' },
  { key: 'alice', source: 'caller' },
])('a key from $source travels on beside what others wrote', (found) => {
  const edits = propagate(fields({ tracestate: 'a=1,b=2', baggage: 'c=3', traceparent: PARENT }), found)
  expect(edits).toEqual([
    ['tracestate', 'branchline=alice,a=1,b=2'],
    ['baggage', 'branchline=alice,c=3'],
  ])
})

test.each<Record<string, string>>([{}, { traceparent: 'garbage' }])(
  'a traceparent is minted for it where there is none: %j',
  (values) => {
    const edits = new Map(propagate(fields(values), { key: 'alice', source: 'caller' }))
    expect(readTracestateKey(edits.get('tracestate') ?? '')).toBe('alice')
    const traceId = traceparentId(edits.get('traceparent') ?? '')
    expect(traceIdNumber(traceId ?? '')).toBe(environmentNumber('alice'))
  },
)

test('an IPv4 caller of a dual-stack socket is the address of its pod', () => {
  expect(callerAddress('::ffff:10.0.0.1')).toBe('10.0.0.1')
  expect(callerAddress('10.0.0.1')).toBe('10.0.0.1')
  expect(callerAddress('fd00::1')).toBe('fd00::1')
})
