import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Times } from './times.ts'

function timesOf(...all: readonly number[]): Times {
  const times = new Times()
  for (const atMs of all) times.add(atMs)
  return times
}

test('a time is found in whatever order times are added and forgotten', () => {
  const ms = fc.nat({ max: 50 })
  fc.assert(
    fc.property(fc.array(ms), ms, ms, ms, (all, from, length, forgotten) => {
      const times = timesOf(...all)
      times.forget(forgotten)
      const sorted = all.toSorted((one, other) => one - other)
      const kept = sorted.filter((it, index) => it >= forgotten || index >= sorted.length - 8)
      expect(times.size).toBe(kept.length)
      expect(times.hit(from, from + length)).toBe(kept.some((it) => it >= from && it < from + length))
    }),
  )
})

test('a call continues a rhythm if three earlier calls had the same intervals', () => {
  const at = 10_000
  const continues = (...earlier: readonly number[]) => timesOf(...earlier, at).continuesRhythm(at, at + 10)
  expect(continues(7_000, 8_000, 9_000)).toBe(true)
  expect(continues(7_010, 7_500, 7_995, 8_600, 9_005)).toBe(true)
  expect(continues(8_000, 9_000)).toBe(false)
  expect(continues(7_200, 8_000, 9_000)).toBe(false)
  expect(timesOf(7_000, 8_000, 9_000).continuesRhythm(at, at + 10)).toBe(false)
})

test('calls that requests caused have no rhythm, however regular the requests are', () => {
  const times = timesOf(7_000, 8_000, 9_000, 10_000)
  for (const atMs of [7_000, 8_000, 9_000]) times.setCaused(atMs - 5, atMs + 5)
  expect(times.continuesRhythm(9_995, 10_005)).toBe(false)
})
