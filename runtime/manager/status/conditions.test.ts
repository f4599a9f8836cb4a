import { expect, test } from 'vitest'
import { conditionsOf, expiryCondition, readiness, warningCondition } from './conditions.ts'

const verdict = (ready: boolean, reason: string) => ({ ready, reason, message: 'why', generation: 1 })
const types = (reason: string) =>
  readiness(verdict(false, reason)).map(({ type, status }) => `${type} ${status}`)

test('a problem that may pass is Reconciling, and one that needs a user is Stalled', () => {
  expect(readiness(verdict(true, 'Routed'))).toEqual([
    { type: 'Ready', status: 'True', reason: 'Routed', message: 'why' },
  ])
  expect(types('OverrideUnavailable')).toEqual(['Ready False', 'Reconciling True'])
  expect(types('BaseNotFound')).toEqual(['Ready False', 'Reconciling True'])
  expect(types('KeyTaken')).toEqual(['Ready False', 'Stalled True'])
})

test('all warnings form one condition, with the first messages', () => {
  expect(warningCondition([])).toEqual([])
  const warning = (index: number) => ({ reason: 'HeadlessService' as const, message: `sentence ${index}` })
  expect(warningCondition([warning(1)])).toEqual([
    { type: 'Warnings', status: 'True', reason: 'HeadlessService', message: 'sentence 1' },
  ])
  const [many] = warningCondition([
    ...Array.from({ length: 11 }, (_, index) => warning(index)),
    { reason: 'NotTcp', message: 'z' },
  ])
  expect(many).toMatchObject({
    reason: 'Several',
    message: expect.stringMatching(/sentence 9\. and 2 more$/) as string,
  })
})

test('the Expired condition states the time and what happens then', () => {
  const endsAtMs = Date.parse('2026-11-21T10:00:00Z')
  const conditions = (expired: boolean, heldBy: string | undefined, deletes: boolean) =>
    expiryCondition({ endsAtMs, expired, heldBy }, deletes).map(
      ({ status, message }) => `${status}: ${message}`,
    )
  expect(expiryCondition(undefined, true)).toEqual([])
  expect(conditions(false, undefined, true)).toEqual(['False: expires at 2026-11-21T10:00:00Z'])
  const ended = 'True: its ttl ended at 2026-11-21T10:00:00Z'
  expect(conditions(true, undefined, true)).toEqual([`${ended}: it is being deleted`])
  expect(conditions(true, undefined, false)).toEqual([
    `${ended}: this cluster deletes nothing, so delete it yourself`,
  ])
  expect(conditions(true, 'label x', true)).toEqual([`${ended}: it is held by label x, so delete it there`])
})

test('a condition keeps its transition time as long as its status stays', () => {
  const parts = readiness(verdict(true, 'Routed'))
  const first = conditionsOf(parts, 1, [], 0)
  expect(first).toMatchObject([{ lastTransitionTime: '1970-01-01T00:00:00Z', observedGeneration: 1 }])
  expect(conditionsOf(parts, 2, first, 60_000)).toMatchObject([
    { lastTransitionTime: '1970-01-01T00:00:00Z', observedGeneration: 2 },
  ])
  const now = conditionsOf(readiness(verdict(false, 'KeyTaken')), 2, first, 60_000)
  expect(now.map((it) => it.lastTransitionTime)).toEqual(['1970-01-01T00:01:00Z', '1970-01-01T00:01:00Z'])
})
