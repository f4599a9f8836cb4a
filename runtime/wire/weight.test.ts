import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isWeight, parseWeight } from './weight.ts'

test('a weight is a whole number from 0 to 100, written in digits', () => {
  for (let weight = 0; weight <= 100; weight++) expect(parseWeight(String(weight))).toBe(weight)
  for (const text of [
    '',
    '-1',
    '101',
    '01',
    '00',
    '999',
    '1000',
    '1.5',
    '1e1',
    ' 1',
    '1 ',
    '+1',
    '0x1',
    '١',
    'many',
  ]) {
    expect([text, parseWeight(text)]).toEqual([text, undefined])
  }
})

test('every parsed weight is valid', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), (text) => {
      const weight = parseWeight(text)
      expect(weight === undefined || isWeight(weight)).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})
