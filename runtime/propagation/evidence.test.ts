import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chanceOf, Evidence, type Sample } from './evidence.ts'

const sample = (trials: number, hits: number, controls: number, controlHits: number): Sample => ({
  trials,
  hits,
  controls,
  controlHits,
})

test('the chance is that of drawing the hits from all slices of each sample', () => {
  // One call, and 9 slices without a key before it: by chance it is in the trial 1 of 10 times.
  expect(chanceOf([sample(1, 1, 9, 0)])).toBeCloseTo(0.1)
  expect(chanceOf([sample(1, 1, 9, 0), sample(1, 1, 9, 0)])).toBeCloseTo(0.01)
  expect(chanceOf([sample(1, 1, 9, 0), sample(1, 0, 9, 1)])).toBeCloseTo(0.19)
  // Two calls among two trials and two controls: both in the trials in 1 of 6 cases.
  expect(chanceOf([sample(2, 2, 2, 0)])).toBeCloseTo(1 / 6)
  // A job that always runs.
  expect(chanceOf([sample(1, 1, 9, 9)])).toBeCloseTo(1)
})

test('three requests after a second of silence are sufficient, and two never are', () => {
  const evidence = new Evidence()
  for (let count = 0; count < 2; count++) evidence.add(sample(1, 1, 63, 0))
  expect(evidence.isSufficient).toBe(false)
  evidence.add(sample(1, 1, 63, 0))
  expect(evidence.isSufficient).toBe(true)
  evidence.clear()
  expect(evidence.isSufficient).toBe(false)
})

test('samples without a control say nothing', () => {
  const evidence = new Evidence()
  for (let count = 0; count < 100; count++) evidence.add(sample(1, 1, 0, 0))
  expect(evidence.isSufficient).toBe(false)
})

test('a chance is a probability', () => {
  const any = fc
    .tuple(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 63 }), fc.nat(), fc.nat())
    .map(([trials, controls, hits, more]) =>
      sample(trials, hits % (trials + 1), controls, more % (controls + 1)),
    )
  fc.assert(
    fc.property(fc.array(any, { maxLength: 10 }), (samples) => {
      const chance = chanceOf(samples)
      expect(chance).toBeGreaterThanOrEqual(0)
      expect(chance).toBeLessThanOrEqual(1 + 1e-9)
    }),
  )
})
