import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_BAGGAGE_LENGTH, readBaggageKey, writeBaggageKey } from './baggage.ts'

test.each([
  ['branchline=alice', 'alice'],
  ['userId=1, branchline = alice ;ttl=5, x=2', 'alice'],
  ['branchline=No,branchline=bob', 'bob'],
  ['xbranchline=bob', undefined],
  ['user=branchline=bob', undefined],
  ['branchline', undefined],
  ['', undefined],
])('%j gives %s', (value, key) => {
  expect(readBaggageKey(value)).toBe(key)
})

test.each([
  ['', 'alice', 'branchline=alice'],
  ['a=1;p=2, b=2', 'alice', 'branchline=alice,a=1;p=2,b=2'],
  ['a=1,branchline = bob;x,b=2', 'alice', 'branchline=alice,a=1,b=2'],
  ['branchline=bob', undefined, ''],
])('%j with %s gives %j', (value, key, result) => {
  expect(writeBaggageKey(value, key)).toBe(result)
})

test('for any list, our key is read back and the length is limited', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 9000 }), (before) => {
      const after = writeBaggageKey(before, 'alice')
      expect(readBaggageKey(after)).toBe('alice')
      expect(after.length).toBeLessThanOrEqual(MAX_BAGGAGE_LENGTH)
    }),
  )
})
