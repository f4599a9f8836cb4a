import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expiresAtMs, isIdle, type Usage } from './idle.ts'

const usage = (more: Partial<Usage>): Usage => ({
  ttlMs: 1000,
  createdAtMs: 0,
  updatedAtMs: 0,
  openAtMs: [],
  silentMs: 0,
  countingSinceMs: 0,
  ...more,
})

test('a circuit is idle after its ttl, and not before', () => {
  expect(isIdle(usage({ lastAccessAtMs: 5000 }), 5999)).toBe(false)
  expect(isIdle(usage({ lastAccessAtMs: 5000 }), 6001)).toBe(true)
  // An old access does not make a new circuit idle.
  expect(isIdle(usage({ createdAtMs: 9000, lastAccessAtMs: 10 }), 9500)).toBe(false)
})

test('an open connection is a use, also while its worker is silent, for a while', () => {
  expect(isIdle(usage({ lastAccessAtMs: 0, openAtMs: [99_500] }), 100_000)).toBe(false)
  expect(isIdle(usage({ lastAccessAtMs: 0, openAtMs: [50_000] }), 100_000)).toBe(true)
  expect(isIdle(usage({ openAtMs: [50_000], silentMs: 60_000 }), 111_000)).toBe(false)
  expect(isIdle(usage({ openAtMs: [50_000], silentMs: 60_000 }), 111_001)).toBe(true)
})

test('what was used while the coordinator was away is not idle', () => {
  expect(isIdle(usage({ lastAccessAtMs: 10, countingSinceMs: 1_000_000 }), 1_000_500)).toBe(false)
})

test('idle detection compares in the right direction: a later use never expires earlier', () => {
  const time = fc.nat(1_000_000)
  fc.assert(
    fc.property(time, time, time, time, (ttlMs, createdAtMs, lastAccessAtMs, later) => {
      const before = usage({ ttlMs, createdAtMs, lastAccessAtMs })
      const after = usage({ ttlMs, createdAtMs, lastAccessAtMs: lastAccessAtMs + later })
      expect(expiresAtMs(after)).toBeGreaterThanOrEqual(expiresAtMs(before))
      expect(isIdle(before, lastAccessAtMs)).toBe(false)
      expect(isIdle(before, Math.max(createdAtMs, lastAccessAtMs) + ttlMs + 1)).toBe(true)
    }),
  )
})
