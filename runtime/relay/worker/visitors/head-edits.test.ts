import { expect, test } from 'vitest'
import {
  environmentNumber,
  mintTraceparent,
  requestIdNumber,
  traceIdNumber,
  traceparentId,
} from '@branchline/wire/trace-id'
import type { HeadEdits } from '../../../proxy/decision.ts'
import { type EditOptions, VisitorEdits } from './head-edits.ts'

const ALICE = environmentNumber('alice')

function edit(fields: Record<string, string>, options: Partial<EditOptions> = {}): HeadEdits {
  const head = {
    host: 'web--alice.localhost:8080',
    get: (name: string) => fields[name],
    entries: () => Object.entries(fields),
  }
  return new VisitorEdits('alice', {
    trace: 'restart',
    scheme: 'http',
    header: undefined,
    ...options,
  }).of(head, '203.0.113.7')
}
const setOf = (edits: HeadEdits): Record<string, string> => Object.fromEntries(edits.set ?? [])

test('the key goes into both lists and both ids', () => {
  const set = setOf(edit({}))
  expect(set).toMatchObject({ tracestate: 'branchline=alice', baggage: 'branchline=alice' })
  expect(traceIdNumber(traceparentId(set['traceparent'] as string) as string)).toBe(ALICE)
  expect(requestIdNumber(set['x-request-id'] as string)).toBe(ALICE)
})

test('entries of others stay in order, and a visitor’s own key is removed', () => {
  const set = setOf(
    edit({ tracestate: 'rojo=1, branchline=bob, congo=2', baggage: 'user=7,branchline = bob,a=b;c' }),
  )
  expect(set).toMatchObject({
    tracestate: 'branchline=alice,rojo=1,congo=2',
    baggage: 'branchline=alice,user=7,a=b;c',
  })
})

test('the relay writes the forwarded fields', () => {
  expect(setOf(edit({ 'x-forwarded-for': '10.0.0.1' }))).toMatchObject({
    'x-forwarded-for': '203.0.113.7',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'web--alice.localhost:8080',
    forwarded: 'for=203.0.113.7;host="web--alice.localhost:8080";proto=http',
  })
})

test('a trace is kept in the mode keep, unless it carries a relay’s marker', () => {
  const own = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  expect(setOf(edit({ traceparent: own }))['traceparent']).not.toBe(own)
  expect(setOf(edit({ traceparent: own }, { trace: 'keep' }))['traceparent']).toBe(own)
  const forged = mintTraceparent(environmentNumber('bob'))
  const minted = setOf(edit({ traceparent: forged }, { trace: 'keep' }))['traceparent'] as string
  expect(traceIdNumber(traceparentId(minted) as string)).toBe(ALICE)
  expect(setOf(edit({ traceparent: 'nonsense' }, { trace: 'keep' }))['traceparent']).not.toBe('nonsense')
})

test('fields of other tracers and of sidecars, and the configured header, are removed', () => {
  expect(edit({}, { header: 'azds-route-as' })).toMatchObject({
    remove: expect.arrayContaining([
      'b3',
      'uber-trace-id',
      'x-cloud-trace-context',
      'azds-route-as',
      'x-real-ip',
    ]) as unknown,
    removePrefix: expect.arrayContaining(['x-branchline-', 'x-forwarded-', 'x-b3-']) as unknown,
  })
  const forged = traceparentId(mintTraceparent(environmentNumber('bob'))) as string
  const kept = edit(
    { b3: `${forged.toUpperCase()}-b7ad6b7169203331-1`, 'uber-trace-id': 'a:b:0:1' },
    { trace: 'keep' },
  )
  expect(kept.remove).toContain('b3')
  expect(kept.remove).not.toContain('uber-trace-id')
})

test('a visitor may ask for the path of a request if that is allowed, and cannot claim one', () => {
  const questionOf = (value: string, explain: boolean): string | undefined =>
    setOf(edit({ 'x-branchline-route': value }, { explain }))['x-branchline-route']
  const hops = `hops=${'a'.repeat(32)}`
  expect([questionOf('1', true), questionOf(hops, true)]).toEqual(['1', hops])
  expect([questionOf('1', false), questionOf(hops, false)]).toEqual([undefined, undefined])
  for (const forged of ['1, "api";at="alice"', '2', 'hops=x', ''])
    expect(questionOf(forged, true)).toBeUndefined()
})
