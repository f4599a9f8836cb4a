import { expect, test } from 'vitest'
import { FailedAttempts } from './attempts.ts'

test('failures count by address within a time, and only so many addresses are remembered', () => {
  let nowMs = 0
  const attempts = new FailedAttempts({ failed: 2, failedMs: 100, failedAddresses: 2 }, () => nowMs)
  attempts.failed('2001:db8::1')
  attempts.failed('2001:db8::2')
  expect(attempts.waitMs('2001:db8::3')).toBe(100)
  nowMs = 60
  expect(attempts.waitMs('2001:db8::3')).toBe(40)
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) attempts.failed(address)
  expect(attempts.size).toBe(2)
  expect(attempts.waitMs('2001:db8::3')).toBe(0)
  attempts.failed('10.0.0.3')
  nowMs = 160
  expect(attempts.waitMs('10.0.0.3')).toBe(0)
})
