import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Allowance } from './circuit-limits.ts'

test('a burst of one second’s requests passes, and the rate in the long run', () => {
  const allowance = new Allowance()
  allowance.update({ requestsPerSecond: 10 }, 0)
  const passed = (nowMs: number): number => {
    let count = 0
    while (allowance.takeRequest(nowMs)) count++
    return count
  }
  expect([passed(0), passed(100), passed(1_100), passed(60_000)]).toEqual([10, 1, 10, 10])
})

test('never more than the rate and one burst pass, whenever requests come', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(300), { maxLength: 100 }), (rate, waits) => {
      const allowance = new Allowance()
      allowance.update({ requestsPerSecond: rate }, 0)
      let nowMs = 0
      let passed = 0
      for (const waitMs of waits) {
        nowMs += waitMs
        while (allowance.takeRequest(nowMs)) passed++
      }
      expect(passed).toBeLessThanOrEqual(rate + (nowMs / 1_000) * rate)
    }),
  )
})

test('a change of the circuit does not refill what is used up', () => {
  const allowance = new Allowance()
  allowance.update({ requestsPerSecond: 2 }, 0)
  allowance.takeRequest(0)
  allowance.takeRequest(0)
  allowance.update({ requestsPerSecond: 2, connections: 1 }, 0)
  expect(allowance.takeRequest(0)).toBe(false)
  expect(allowance.retryAfterSeconds).toBe(1)
})

test.each([
  ['requestsPerSecond', 429, 'limit-requests-per-second'],
  ['connections', 503, 'limit-connections'],
  ['bodyBytes', 413, 'limit-body-bytes'],
  ['responseMs', 504, 'limit-response-ms'],
] as const)('the problem of %s names the limit', (limit, status, type) => {
  const allowance = new Allowance()
  allowance.update({ [limit]: 7 }, 0)
  expect(allowance.problem(limit)).toMatchObject({ status, type, members: { limit, value: 7 } })
  expect(allowance.problem(limit).detail).toContain(`limits.${limit}`)
})
