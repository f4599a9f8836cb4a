import { expect, test } from 'vitest'
import { ClockDifference, sampleOf } from './timeline.ts'
import { Times } from './times.ts'

function timesOf(...all: readonly number[]): Times {
  const times = new Times()
  for (const atMs of all) times.add(atMs)
  return times
}

test('a keyed time is compared with slices of its length just before it', () => {
  const span = { beganAtMs: 1_000, ms: 10, idleMs: 205 }
  // Slices of 20 ms, because clocks are not exact: 10 of them before the keyed time.
  expect(sampleOf(span, timesOf(1_004))).toEqual({ trials: 1, hits: 1, controls: 10, controlHits: 0 })
  expect(sampleOf(span, timesOf(996, 994, 970, 700))).toMatchObject({ hits: 1, controls: 10, controlHits: 2 })
  // A long time is many requests.
  const long = { beganAtMs: 1_000, ms: 2_000, idleMs: 20_000 }
  expect(sampleOf(long, timesOf(1_100, 1_600, 1_610))).toMatchObject({ trials: 7, hits: 2, controls: 63 })
})

test('a small difference of clocks is the delay of reports, and of a large one the smallest counts', () => {
  const clock = new ClockDifference()
  clock.take(1_000, 1_200)
  expect(clock.ms).toBe(0)
  const wrong = new ClockDifference()
  wrong.take(1_000, 61_300)
  wrong.take(2_000, 62_010)
  wrong.take(3_000, 63_400)
  expect(wrong.ms).toBe(60_010)
})
