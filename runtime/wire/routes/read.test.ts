import fc from 'fast-check'
import { expect, test } from 'vitest'
import { managerMessage } from './messages.ts'
import { type ManagerMessageError, readManagerMessage } from './read.ts'

/** Mostly valid values, and sometimes an invalid one. */
const or = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 60, arbitrary: right },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(null, 1, -1, 1.5, '', 'NO KEY', [], {}, true) },
  )
const key = fc.constantFrom('alice', 'a', 'constructor')
const trouble = or(fc.constantFrom('exited with code 1', 'x'.repeat(1_000), 'x'.repeat(1_001)))
const weight = fc.constantFrom(0, 1, 100, 101, -1)
const target = fc.record(
  {
    environment: or(key),
    endpoints: or(fc.array(or(fc.constant('10.0.0.1:1')), { maxLength: 2 })),
    weights: or(fc.dictionary(fc.constantFrom('10.0.0.1:1', 'constructor'), or(weight), { maxKeys: 2 })),
    onUnavailable: or(fc.constantFrom('baseline', 'hold', 'fail')),
    trouble,
    unknown: fc.constant(1),
  },
  { requiredKeys: ['environment', 'endpoints', 'onUnavailable', 'unknown'] },
)
const parts = { service: or(key), routes: or(fc.dictionary(key, or(target))), own: or(fc.array(or(key))) }
const rule = or(fc.constantFrom('baseline', 'hold', 'fail'))
const listener = fc.record(
  { ...parts, base: or(target), onUnavailable: rule, trouble },
  { requiredKeys: ['service', 'routes', 'own'] },
)
const change = fc.record(
  {
    ...parts,
    routes: or(fc.dictionary(key, or(fc.option(target)))),
    base: or(fc.option(target)),
    onUnavailable: rule,
    trouble: or(fc.option(trouble)),
  },
  { requiredKeys: ['service', 'routes'] },
)
const epoch = or(fc.nat())
const table = fc.record({
  epoch,
  environment: or(key),
  listeners: or(fc.dictionary(fc.constantFrom('1', '2'), or(listener), { maxKeys: 2 })),
  callers: or(fc.dictionary(fc.constant('10.0.0.1'), or(key))),
})
const anyMessage = fc.oneof(
  fc.record({ type: fc.constant('snapshot'), table: or(table), explains: or(fc.boolean()) }),
  fc.record({
    type: fc.constant('delta'),
    from: epoch,
    epoch,
    listeners: or(fc.dictionary(fc.constantFrom('1', '2'), or(fc.option(change)), { maxKeys: 2 })),
    callers: or(fc.dictionary(fc.constant('10.0.0.1'), or(fc.option(key)))),
  }),
  fc.anything(),
)

// The expectation depends on the schema's verdict.
// oxlint-disable vitest/no-conditional-expect
test('agrees with the schema for every message', () => {
  let taken = 0
  fc.assert(
    fc.property(anyMessage, (value) => {
      const schema = managerMessage.safeParse(value)
      if (schema.success) {
        taken++
        expect(readManagerMessage(value)).toEqual(schema.data)
      } else expect(() => readManagerMessage(value)).toThrow(/: wanted /)
    }),
    { numRuns: 3_000 },
  )
  expect(taken).toBeGreaterThan(300)
})

test('the error names the place of the fault', () => {
  const message = {
    type: 'snapshot',
    table: { epoch: 1, environment: 'a', callers: {}, listeners: { 1: { service: 1 } } },
  }
  expect(() => readManagerMessage(message)).toThrow(
    expect.objectContaining({
      code: 'BL_ROUTES_MESSAGE',
      message: 'table.listeners.1.service: wanted a text',
    } satisfies Partial<ManagerMessageError>) as Error,
  )
})

test('accepts hops as the manager has validated them', () => {
  const hop = {
    service: 'api',
    at: 'a',
    environment: 'b',
    reason: 'own',
    endpoints: [],
    status: 200,
    startMs: 1,
    ms: 2,
  }
  const message = { type: 'hops', trace: 'a'.repeat(32), hops: [hop] }
  const notes = { missed: [{ override: 'pricing' }], tcp: [{ service: 'db', from: 'api', environment: 'a' }] }
  for (const it of [message, { ...message, ...notes }]) {
    expect(readManagerMessage(it)).toEqual(managerMessage.parse(it))
  }
  expect(() => readManagerMessage({ ...message, trace: 'x' })).toThrow(/trace/)
  expect(() => readManagerMessage({ ...message, missed: 'x' })).toThrow(/missed/)
})
