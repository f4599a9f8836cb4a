import { ON_UNAVAILABLE, type OnUnavailable } from '@branchline/wire/routes/messages'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type DecisionInput, decide, decideRaw, type Decision } from './decide.ts'
import type { Destination, Listener } from '../table/table.ts'

const destination = (environment: string, onUnavailable: OnUnavailable = 'baseline'): Destination => ({
  environment,
  endpoints: [{ authority: '10.0.0.1:25001', host: '10.0.0.1', port: 25001, weight: 1 }],
  onUnavailable,
})

const listener = (parts: Partial<Listener>): Listener => ({
  service: 'api',
  routes: new Map(),
  own: new Set(),
  base: undefined,
  onUnavailable: 'baseline',
  keyOfNumber: () => undefined,
  onBranch: parts.base !== undefined,
  ...parts,
})

const root = listener({
  routes: new Map([
    ['alice', destination('alice')],
    ['strict', destination('strict', 'fail')],
    ['held', destination('held', 'hold')],
  ]),
})
const branch = listener({
  routes: new Map([['alice-ui', destination('alice-ui')]]),
  own: new Set(['alice', 'alice-docs']),
  base: destination('baseline'),
})
const strictBranch = listener({
  own: new Set(['strict']),
  base: destination('baseline'),
  onUnavailable: 'fail',
})

/** A decision as one line: `>` is a remote step, `>>` one that the receiver must serve itself. */
const line = ({ reason, steps }: Decision): string =>
  `${reason}: ${steps
    .map((step) =>
      step.kind === 'local' ? 'local' : `${step.routed ? '>>' : '>'}${step.destination.environment}`,
    )
    .join(' ')}`

test.each([
  ['root', root, undefined, 'no-key: local'],
  ['root', root, 'unknown', 'own: local'],
  ['root', root, 'alice', 'override: >>alice local'],
  ['root', root, 'held', 'override: >>held local'],
  ['root', root, 'strict', 'override: >>strict'],
  ['branch', branch, undefined, 'no-key: local >>baseline'],
  ['branch', branch, 'alice', 'own: local >>baseline'],
  ['branch', branch, 'alice-docs', 'own: local >>baseline'],
  ['branch', branch, 'alice-ui', 'override: >>alice-ui local >>baseline'],
  ['branch', branch, 'bob', 'base: >baseline'],
  ['branch whose rule is fail', strictBranch, 'strict', 'own: local'],
  ['listener that the table does not know', undefined, 'alice', 'no-table: local'],
])('a %s: %j %s → %s', (_, at, key, expected) => {
  expect(line(decide(at, { key, routed: false }))).toBe(expected)
})

test('an id of an unknown environment belongs to another branch on a branch, and is ignored elsewhere', () => {
  const input = { key: undefined, foreign: true, routed: false }
  expect(line(decide(branch, input))).toBe('base: >baseline')
  expect(line(decide(root, input))).toBe('no-key: local')
})

test.each([
  [root, 'alice', 'routed: local'],
  [branch, 'alice-ui', 'routed: local >>baseline'],
  [branch, 'bob', 'routed: local >>baseline'],
  [undefined, 'alice', 'no-table: local'],
])('a request that another sidecar has routed is served here: %#', (at, key, expected) => {
  expect(line(decide(at, { key, routed: true }))).toBe(expected)
})

test.each([
  [root, undefined, 'no-key: local'],
  [root, 'alice', 'override: >alice local'],
  [root, 'strict', 'override: >strict'],
  [branch, 'alice', 'own: local'],
  [branch, 'bob', 'own: local'],
  [undefined, 'alice', 'no-table: local'],
])('raw bytes take one hop at most: %#', (at, key, expected) => {
  expect(line(decideRaw(at, key))).toBe(expected)
})

const anyKey = fc.constantFrom('a', 'b', 'c', 'd')
const anyDestination = fc
  .tuple(anyKey, fc.constantFrom(...ON_UNAVAILABLE))
  .map(([environment, rule]) => destination(environment, rule))
const anyListener = fc.record({
  service: fc.constant('api'),
  routes: fc
    .uniqueArray(fc.tuple(anyKey, anyDestination), { selector: ([key]) => key })
    .map((all) => new Map(all)),
  own: fc.uniqueArray(anyKey).map((keys) => new Set(keys)),
  base: fc.option(anyDestination, { nil: undefined }),
  onUnavailable: fc.constantFrom(...ON_UNAVAILABLE),
  keyOfNumber: fc.constant(() => undefined),
  onBranch: fc.constant(false),
})
const anyInput = fc.record({
  key: fc.option(anyKey, { nil: undefined }),
  foreign: fc.boolean(),
  routed: fc.boolean(),
})

/** The first step of a decision, by the rules alone. */
function firstStep(at: Listener, { key, foreign, routed }: DecisionInput): unknown {
  const override = key === undefined ? undefined : at.routes.get(key)
  if (routed || (key === undefined && (!foreign || at.base === undefined))) return { kind: 'local' }
  if (key === undefined) return { kind: 'remote', destination: at.base, routed: false }
  if (override !== undefined) return { kind: 'remote', destination: override, routed: true }
  if (at.base === undefined || at.own.has(key)) return { kind: 'local' }
  return { kind: 'remote', destination: at.base, routed: false }
}

test('for any table and request, the rule’s step comes first, no place comes twice, and none is forbidden', () => {
  fc.assert(
    fc.property(anyListener, anyInput, (at, input) => {
      const { steps, reason, wanted } = decide(at, input)
      expect(steps[0]).toEqual(firstStep(at, input))
      expect(new Set(steps.map((step) => step.kind === 'remote' && step.destination)).size).toBe(steps.length)
      // A branch never serves a foreign key, even if its base is dead. Under `fail` no other environment serves.
      const alone = reason === 'base' || (reason === 'override' && wanted?.onUnavailable === 'fail')
      expect(steps.length).toBeLessThanOrEqual(alone ? 1 : 3)
      // After the first step, receivers serve the request themselves, because their tables may be older.
      expect(steps.slice(1).every((step) => step.kind === 'local' || step.routed)).toBe(true)
    }),
  )
})

test('in any chain, with dead apps and stale tables, a request ends within a few hops', () => {
  // Environment i has the base i - 1. The routes of each sidecar name random deeper environments, right or wrong.
  // Deeper overrides come first, then bases. A routed request never returns.
  const chain = fc.array(
    fc.record({
      dead: fc.boolean(),
      rule: fc.constantFrom(...ON_UNAVAILABLE),
      own: fc.uniqueArray(anyKey),
      routes: fc.uniqueArray(fc.tuple(anyKey, fc.nat({ max: 3 })), { selector: ([key]) => key }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  fc.assert(
    fc.property(chain, fc.nat({ max: 3 }), anyInput, (environments, entry, { key }) => {
      let at = entry % environments.length
      let routed = false
      for (let hop = 0; hop < 12; hop++) {
        const { dead, rule, own, routes } = environments[at] as (typeof environments)[number]
        const known = routes.filter(([, index]) => index > at && index < environments.length)
        const table = listener({
          routes: new Map(known.map(([key, index]) => [key, destination(String(index))])),
          own: new Set(own),
          base: at === 0 ? undefined : destination(String(at - 1)),
          onUnavailable: rule,
        })
        const { steps } = decide(table, { key, routed })
        const step = steps.find((step) => step.kind === 'remote' || !dead)
        if (step === undefined || step.kind === 'local') return
        at = Number(step.destination.environment)
        routed = step.routed
      }
      expect.fail('the request looped')
    }),
  )
})
