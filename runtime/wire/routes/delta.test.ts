import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyDelta, diffTables } from './delta.ts'
import { managerMessage, type RouteDelta, type RouteTable } from './messages.ts'

const target = (environment: string, ...endpoints: string[]) => ({
  environment,
  endpoints,
  onUnavailable: 'baseline' as const,
})
const table: RouteTable = {
  epoch: 3,
  environment: 'base',
  listeners: { 25001: { service: 'api', routes: { alice: target('alice', '10.0.0.2:25001') }, own: [] } },
  callers: { '10.0.0.2': 'alice' },
}
const diff = (after: RouteTable) => diffTables(table, after, new Map())

describe('a delta', () => {
  test('is undefined if nothing differs', () => {
    expect(diff(structuredClone(table))).toBeUndefined()
  })

  test('contains only new and removed entries', () => {
    const after = structuredClone(table)
    const listener = {
      service: 'api',
      routes: { bob: target('bob') },
      own: ['x'],
      base: target('root', '[::1]:1'),
    }
    after.listeners = { 25001: listener, 25002: { service: 'web', routes: {}, own: [] } }
    after.callers = { '10.0.0.3': 'bob' }
    expect(diff(after)).toEqual({
      listeners: {
        25001: {
          service: 'api',
          routes: { alice: null, bob: target('bob') },
          own: ['x'],
          base: target('root', '[::1]:1'),
        },
        25002: { service: 'web', routes: {}, own: [] },
      },
      callers: { '10.0.0.2': null, '10.0.0.3': 'bob' },
    })
  })

  test('removes a base by null', () => {
    const listener = { service: 'api', routes: {}, own: ['x'] }
    const before = { ...table, listeners: { 1: { ...listener, base: target('root') } } }
    const change = diffTables(before, { ...table, listeners: { 1: listener } }, new Map())
    expect(change?.listeners).toEqual({ 1: { service: 'api', routes: {}, base: null } })
  })

  test('does not lead to another environment', () => {
    expect(() => diff({ ...table, environment: 'other' })).toThrow(
      /no delta leads from environment base to other/,
    )
  })

  test('compares shared parts only once', () => {
    const after = structuredClone(table)
    after.callers = {}
    const memo = new Map()
    expect(diffTables(table, after, memo)?.callers).toBe(
      diffTables({ ...table }, { ...after }, memo)?.callers,
    )
  })
})

// Names of inherited properties of a plain object, and ordinary keys.
const key = fc.constantFrom('a', 'b', 'c', 'constructor', 'valueof', 'hasownproperty')
const someTarget = fc.record(
  {
    environment: key,
    endpoints: fc.array(fc.constantFrom('10.0.0.1:1', '10.0.0.2:1'), { maxLength: 2 }),
    weights: fc.dictionary(fc.constantFrom('10.0.0.1:1', 'constructor'), fc.nat({ max: 100 }), {
      maxKeys: 2,
    }),
    onUnavailable: fc.constantFrom('baseline', 'fail'),
    trouble: fc.constantFrom('exited with code 1', 'exited with code 2'),
  },
  { requiredKeys: ['environment', 'endpoints', 'onUnavailable'] },
)
const listener = fc.record(
  {
    service: fc.constantFrom('api', 'web'),
    routes: fc.dictionary(key, someTarget, { maxKeys: 3 }),
    own: fc.array(key, { maxLength: 2 }),
    base: someTarget,
    onUnavailable: fc.constantFrom('baseline', 'hold', 'fail'),
    trouble: fc.constantFrom('exited with code 1', 'exited with code 2'),
  },
  { requiredKeys: ['service', 'routes', 'own', 'onUnavailable'] },
)
const someTable = fc.record({
  epoch: fc.constant(1),
  environment: fc.constant('base'),
  listeners: fc.dictionary(fc.constantFrom('1', '2'), listener),
  callers: fc.dictionary(fc.constantFrom('10.0.0.1', '10.0.0.2'), key),
}) as fc.Arbitrary<RouteTable>

test('applied to the old table, through JSON and the schema, it results in the new table', () => {
  fc.assert(
    fc.property(someTable, someTable, (before, after) => {
      const untouched = structuredClone(before)
      const change = diffTables(before, after, new Map()) ?? { listeners: {}, callers: {} }
      const message = { type: 'delta', from: 1, epoch: 2, ...change }
      const delta = managerMessage.parse(JSON.parse(JSON.stringify(message))) as RouteDelta
      expect(applyDelta(before, delta)).toEqual({ ...after, epoch: 2 })
      expect(before).toEqual(untouched)
    }),
    { numRuns: 500 },
  )
})
