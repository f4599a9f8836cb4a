import { expect, test } from 'vitest'
import { previewLabel } from './host-label.ts'

test('a short label is readable', () => {
  expect(previewLabel('web', 'alice')).toBe('web--alice')
})

test('a long label has at most 63 bytes, and differs between environments', () => {
  const one = previewLabel('web', `${'a'.repeat(62)}1`)
  const two = previewLabel('web', `${'a'.repeat(62)}2`)
  expect(one).toMatch(/^web--a+-[0-9a-f]{8}$/)
  expect(one).toHaveLength(63)
  expect(one).not.toBe(two)
})
