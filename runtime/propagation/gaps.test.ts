import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Gaps } from './gaps.ts'

const gap = fc
  .tuple(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 1, max: 50 }))
  .map(([from, ms]): [number, number] => [from, from + ms])

test('a time is in a gap exactly if it is in one of those that were added', () => {
  fc.assert(
    fc.property(fc.array(gap, { maxLength: 40 }), gap, (added, [fromMs, toMs]) => {
      const gaps = new Gaps()
      for (const one of added) gaps.add(...one)
      expect(gaps.hit(fromMs, toMs)).toBe(added.some(([from, to]) => from < toMs && to > fromMs))
      gaps.forget(2_000)
      expect(gaps.size).toBe(0)
    }),
  )
})

test('many pods with the same gaps need no more memory than one, and any number of gaps is bounded', () => {
  const gaps = new Gaps()
  for (let second = 0; second < 40; second++) {
    for (let report = 0; report < 3_200; report++) gaps.add(second * 1_000, second * 1_000 + 600)
  }
  expect(gaps.size).toBe(40)
  for (let index = 0; index < 5_000; index++) gaps.add(index * 10, index * 10 + 1)
  expect(gaps.size).toBeLessThanOrEqual(256)
  expect(gaps.hit(0, 50_000)).toBe(true)
})
