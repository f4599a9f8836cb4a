import { expect, test } from 'vitest'
import { Backoff } from './backoff.ts'

test('waits double up to the maximum, with jitter of at most half, and a reset starts again', () => {
  const backoff = new Backoff({ firstMs: 100, maxMs: 1000 })
  for (const fullMs of [100, 200, 400, 800, 1000, 1000]) {
    const waitMs = backoff.nextMs()
    expect(waitMs).toBeGreaterThanOrEqual(fullMs / 2)
    expect(waitMs).toBeLessThanOrEqual(fullMs)
  }
  backoff.reset()
  expect(backoff.nextMs()).toBeLessThanOrEqual(100)
})
