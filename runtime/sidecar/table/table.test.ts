import type { ListenerRoutes, RouteDelta, RouteTable, Target } from '@branchline/wire/routes/messages'
import { environmentNumber } from '@branchline/wire/trace-id'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type RouteTableError, Table } from './table.ts'

const target = (environment: string, ...endpoints: string[]): Target => ({
  environment,
  endpoints,
  onUnavailable: 'baseline',
})

const snapshot: RouteTable = {
  epoch: 7,
  environment: 'baseline',
  listeners: {
    25001: {
      service: 'api',
      routes: {
        alice: { ...target('alice', '10.0.0.1:25001', '[fd00::1]:25001'), weights: { '[fd00::1]:25001': 5 } },
      },
      own: [],
    },
    25002: { service: 'web', routes: {}, own: [], base: target('baseline', '10.0.0.9:25001') },
  },
  callers: { '10.0.0.1': 'alice' },
}

const delta = (change: Partial<RouteDelta>): RouteDelta => ({
  type: 'delta',
  from: 7,
  epoch: 8,
  listeners: {},
  callers: {},
  ...change,
})

test('the routes of a snapshot are found by port, key and address', () => {
  const table = new Table(snapshot)
  expect(table.epoch).toBe(7)
  expect(table.listener(25001)?.routes.get('alice')?.endpoints).toEqual([
    { authority: '10.0.0.1:25001', host: '10.0.0.1', port: 25001, weight: 1 },
    { authority: '[fd00::1]:25001', host: 'fd00::1', port: 25001, weight: 5 },
  ])
  expect(table.listener(25002)?.base?.environment).toBe('baseline')
  expect(table.listener(25003)).toBeUndefined()
  expect(table.callerKey('10.0.0.1')).toBe('alice')
  expect(table.dump()).toEqual(snapshot)
})

test('a delta changes only what it names', () => {
  const table = new Table(snapshot)
  table.apply(
    delta({
      listeners: {
        25001: { service: 'api', routes: { alice: null, bob: target('bob', '10.0.0.2:25001') }, own: ['x'] },
        25002: { service: 'web', routes: {}, base: null },
        25003: { service: 'new', routes: {}, own: [] },
      },
      callers: { '10.0.0.1': null, '10.0.0.2': 'bob' },
    }),
  )
  expect(table.epoch).toBe(8)
  expect([...(table.listener(25001)?.routes.keys() ?? [])]).toEqual(['bob'])
  expect(table.listener(25001)?.own.has('x')).toBe(true)
  expect(table.listener(25002)?.base).toBeUndefined()
  expect(table.listener(25003)?.service).toBe('new')
  expect(table.callerKey('10.0.0.1')).toBeUndefined()
  table.apply(delta({ from: 8, epoch: 10, listeners: { 25003: null } }))
  expect(table.listener(25003)).toBeUndefined()
})

test('a destination in use never changes', () => {
  const table = new Table(snapshot)
  const held = table.listener(25001)?.routes.get('alice')
  const changed = { service: 'api', routes: { alice: target('alice', '10.0.0.5:25001') } }
  table.apply(delta({ listeners: { 25001: changed } }))
  expect(held?.endpoints[0]?.authority).toBe('10.0.0.1:25001')
  expect(table.listener(25001)?.routes.get('alice')?.endpoints[0]?.authority).toBe('10.0.0.5:25001')
})

test.each([
  [
    'with an invalid endpoint',
    {
      listeners: { 25001: { service: 'api', routes: { bob: target('bob', 'nowhere') } } },
      callers: { x: 'y' },
    },
    'BL_ROUTES_ENDPOINT',
  ],
])('a delta %s is refused completely', (_, change, code) => {
  const table = new Table(snapshot)
  expect(codeOf(() => table.apply(delta(change)))).toBe(code)
  expect(table.dump()).toEqual(snapshot)
})

test.each(['10.0.0.1', ':25001', '10.0.0.1:0', '10.0.0.1:65536', 'fd00::1:25001', '[fd00::1', 'a b:1'])(
  'the endpoint %j is refused',
  (endpoint) => {
    const listeners = { 1: { service: 's', routes: {}, own: [], base: target('b', endpoint) } }
    expect(codeOf(() => new Table({ ...snapshot, listeners }))).toBe('BL_ROUTES_ENDPOINT')
  },
)

test('a snapshot with any number of deltas equals a fresh snapshot of the result', () => {
  const key = fc.constantFrom('alice', 'bob', 'carol')
  const anyTarget = fc
    .tuple(key, fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }))
    .map(([environment, ports]) => target(environment, ...ports.map((port) => `10.0.0.1:${port}`)))
  const anyListener: fc.Arbitrary<ListenerRoutes> = fc.record(
    {
      service: fc.constantFrom('api', 'web'),
      routes: fc.dictionary(key, anyTarget),
      own: fc.uniqueArray(key),
      base: anyTarget,
      onUnavailable: fc.constantFrom('hold' as const, 'fail' as const),
    },
    { requiredKeys: ['service', 'routes', 'own'] },
  )
  const state = fc.record({
    listeners: fc.dictionary(fc.constantFrom('1', '2', '3'), anyListener),
    callers: fc.dictionary(fc.constantFrom('10.0.0.1', '10.0.0.2'), key),
  })
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 6 }), (states) => {
      const tables = states.map((one, epoch) => ({ epoch, environment: 'baseline', ...one }))
      const table = new Table(tables[0] as RouteTable)
      for (const [epoch, after] of tables.entries()) {
        if (epoch > 0) table.apply(difference(tables[epoch - 1] as RouteTable, after))
      }
      expect(sorted(table.dump())).toEqual(sorted(tables.at(-1) as RouteTable))
    }),
  )
})

function difference(before: RouteTable, after: RouteTable): RouteDelta {
  const listeners: RouteDelta['listeners'] = removals(before.listeners, after.listeners)
  for (const [port, { service, routes, own, base, onUnavailable = 'baseline' }] of Object.entries(
    after.listeners,
  )) {
    const gone = removals(before.listeners[port]?.routes ?? {}, routes)
    listeners[port] = { service, routes: { ...gone, ...routes }, own, base: base ?? null, onUnavailable }
  }
  const callers = { ...removals(before.callers, after.callers), ...after.callers }
  return { type: 'delta', from: before.epoch, epoch: after.epoch, listeners, callers }
}

const removals = (before: object, after: object): Record<string, null> =>
  Object.fromEntries(Object.keys(before).flatMap((name) => (name in after ? [] : [[name, null]])))

const sorted = (table: RouteTable): object => {
  const copy = structuredClone(table)
  for (const listener of Object.values(copy.listeners)) listener.own.sort()
  return copy
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act()
  } catch (error) {
    return (error as RouteTableError).code
  }
  return undefined
}

test('a listener finds its keys by their numbers, until their routes are gone', () => {
  const table = new Table({
    ...snapshot,
    listeners: {
      1: { service: 'api', routes: { alice: target('alice') }, own: ['bob'], base: target('root') },
    },
  })
  const listener = table.listener(1)
  const known = (...keys: string[]): unknown[] =>
    keys.map((key) => listener?.keyOfNumber(environmentNumber(key)))
  expect(known('alice', 'bob', 'carol')).toEqual(['alice', 'bob', undefined])
  const routes = { alice: null, bob: null, carol: target('carol') }
  table.apply(delta({ listeners: { 1: { service: 'api', routes } } }))
  expect(known('alice', 'bob', 'carol')).toEqual([undefined, 'bob', 'carol'])
  table.apply(delta({ from: 8, epoch: 9, listeners: { 1: { service: 'api', routes: {}, own: ['dave'] } } }))
  expect(known('bob', 'carol', 'dave')).toEqual([undefined, 'carol', 'dave'])
})
