import { expect, test } from 'vitest'
import { isKey } from './key.ts'

test.each(['a', '0', 'alice', 'pr-7', 'a'.repeat(63)])('%s is a key', (value) => {
  expect(isKey(value)).toBe(true)
})

test.each(['', '-a', 'a-', 'Alice', 'a.b', 'a b', 'a=b', 'a,b', 'é', 'a\n', 'a'.repeat(64)])(
  '%j is none',
  (value) => {
    expect(isKey(value)).toBe(false)
  },
)
