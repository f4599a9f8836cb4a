import { expect, test } from 'vitest'
import { parseQuantity } from './quantity.ts'

test.each([
  ['100m', 0.1],
  ['1', 1],
  [2, 2],
  ['0.5', 0.5],
  ['.5', 0.5],
  ['1e3', 1000],
  ['1E3', 1000],
  ['2k', 2000],
  ['64Mi', 64 * 2 ** 20],
  ['1Gi', 2 ** 30],
  ['1E', 1e18],
  ['+1', 1],
])('%j is %d', (text, value) => {
  expect(parseQuantity(text)).toBeCloseTo(value)
})

test.each(['', 'x', '1mm', '1 Mi', '-1', '1Kb', null, {}, undefined, true])('%j is no quantity', (text) => {
  expect(parseQuantity(text)).toBeUndefined()
})
