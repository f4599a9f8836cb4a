import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Allowance } from './allowance.ts'
import { DEFAULT_HTTP2_LIMITS } from './limits.ts'

const limits = {
  ...DEFAULT_HTTP2_LIMITS,
  controlBurst: 10,
  controlsPerSecond: 1,
  resetBurst: 20,
  resetsPerSecond: 5,
}
const times = (count: number, act: () => string | undefined): (string | undefined)[] =>
  Array.from({ length: count }, act)

test('a PING for each DATA frame is always free', () => {
  const allowance = new Allowance(limits, 0)
  const pings = times(10_000, () => {
    allowance.moved(100)
    return allowance.ping(0)
  })
  expect(pings.filter((reason) => reason !== undefined)).toEqual([])
})

test('a large write pays for as many PINGs as it has DATA frames', () => {
  const allowance = new Allowance(limits, 0)
  allowance.moved(64 * 1024)
  expect(times(15, () => allowance.ping(0)).every((reason) => reason === undefined)).toBe(true)
  expect(allowance.ping(0)).toContain('controlBurst (10)')
})

test('PINGs without data, and more saved PINGs than a burst, end the connection', () => {
  const allowance = new Allowance(limits, 0)
  for (let frames = 0; frames < 1_000; frames++) allowance.moved(16_384)
  expect(times(20, () => allowance.ping(0)).every((reason) => reason === undefined)).toBe(true)
  expect(allowance.ping(0)).toContain('controlsPerSecond (1)')
})

test('data does not pay for SETTINGS', () => {
  const allowance = new Allowance(limits, 0)
  const reasons = times(11, () => {
    allowance.moved(100)
    return allowance.settings(0)
  })
  expect(reasons.filter((reason) => reason !== undefined)).toHaveLength(1)
})

test('early resets beyond the limit refuse streams first, and end the connection next', () => {
  const allowance = new Allowance(limits, 0)
  expect(times(20, () => allowance.earlyReset(0)).every((reason) => reason === undefined)).toBe(true)
  expect(allowance.refuses(0)).toBe(false)
  expect(allowance.earlyReset(0)).toBeUndefined()
  expect(allowance.refuses(0)).toBe(true)
  const reasons = times(20, () => allowance.refused(0))
  expect(reasons.findIndex((reason) => reason !== undefined)).toBe(19)
  expect(reasons[19]).toContain('resetBurst (20)')
})

test('a client that slows down is served again', () => {
  const allowance = new Allowance(limits, 0)
  for (let count = 0; count < 25; count++) allowance.earlyReset(0)
  expect(allowance.refuses(0)).toBe(true)
  expect(allowance.refuses(1_000)).toBe(false)
})

test('for any behaviour of a client, the number of streams that are begun and reset in a time is limited', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 50 }), { maxLength: 500 }), (gaps) => {
      const allowance = new Allowance(limits, 0)
      let nowMs = 0
      let begun = 0
      for (const gapMs of gaps) {
        nowMs += gapMs
        if (allowance.refuses(nowMs)) {
          if (allowance.refused(nowMs) !== undefined) break
        } else {
          begun++
          if (allowance.earlyReset(nowMs) !== undefined) break
        }
      }
      expect(begun).toBeLessThanOrEqual(
        2 * (limits.resetBurst + (nowMs / 1_000) * limits.resetsPerSecond) + 1,
      )
    }),
  )
})
