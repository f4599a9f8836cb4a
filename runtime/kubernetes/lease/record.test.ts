import fc from 'fast-check'
import { expect, test } from 'vitest'
import { heldSpec, type LeaseRecord, mayTake, observe, parseLease, releasedSpec } from './record.ts'

const record = (fields: Partial<LeaseRecord> = {}): LeaseRecord => ({
  resourceVersion: '1',
  holder: 'a',
  durationSeconds: 5,
  acquireTime: undefined,
  transitions: 3,
  ...fields,
})

test('a candidate takes a lease only after the holder was silent for its duration, by the candidate’s own clock', () => {
  const seen = observe(undefined, record(), 1_000)
  expect(mayTake(seen, 'b', 5_999)).toBe(false)
  expect(mayTake(seen, 'b', 6_000)).toBe(true)
  expect(mayTake(seen, 'a', 1_000)).toBe(true)
  expect(mayTake(observe(undefined, record({ holder: '' }), 1_000), 'b', 1_000)).toBe(true)
})

test('every observed renewal restarts the wait', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4_999 }), { maxLength: 20 }), (gapsMs) => {
      let nowMs = 0
      let seen = observe(undefined, record(), nowMs)
      for (const [index, gapMs] of gapsMs.entries()) {
        nowMs += gapMs
        expect(mayTake(seen, 'b', nowMs)).toBe(false)
        seen = observe(seen, record({ resourceVersion: String(index + 2) }), nowMs)
        expect(observe(seen, record({ resourceVersion: String(index + 2) }), nowMs + 1).atMs).toBe(nowMs)
      }
      expect(mayTake(seen, 'b', nowMs + 5_000)).toBe(true)
    }),
  )
})

test('a new term counts as a transition, and a renewal does not', () => {
  expect(heldSpec(undefined, 'a', 5, 'now')).toMatchObject({ leaseTransitions: 0, acquireTime: 'now' })
  const held = record({ acquireTime: 'then' })
  expect(heldSpec(held, 'a', 5, 'now')).toMatchObject({
    leaseTransitions: 3,
    acquireTime: 'then',
    renewTime: 'now',
  })
  expect(heldSpec(held, 'b', 5, 'now')).toMatchObject({ leaseTransitions: 4, acquireTime: 'now' })
  expect(releasedSpec(held, 'now')).toMatchObject({ holderIdentity: '', leaseTransitions: 3 })
})

test('a lease without a spec has no holder', () => {
  expect(parseLease({ metadata: { resourceVersion: '7' } })).toEqual({
    resourceVersion: '7',
    holder: '',
    durationSeconds: 0,
    acquireTime: undefined,
    transitions: 0,
  })
  expect(() => parseLease({ metadata: {} })).toThrow(/resourceVersion/)
})
