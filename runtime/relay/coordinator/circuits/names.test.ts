import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultLabel, labelOnCollision, normaliseLabel } from './names.ts'

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

test.each([
  ['Jupyter-42', 'jupyter-42'],
  ['123', '123'],
  ['0x7f', '0x7f'],
  ['Bücher', 'xn--bcher-kva'],
  // The same word, as letter and combining mark.
  ['Bu\u0308cher', 'xn--bcher-kva'],
  ['XN--BCHER-KVA', 'xn--bcher-kva'],
  ['ａｂｃ', 'abc'],
  ['straße', 'xn--strae-oqa'],
])('the label of %j is %s', (text, label) => {
  expect(normaliseLabel(text)).toEqual({ label })
})

test.each([
  'a.b',
  'a。b',
  'a．b',
  '%61',
  'foo_bar',
  'a b',
  '-a',
  'a-',
  '[::1]',
  'a/b',
  'a@b',
  'a:1',
  '\u200d',
  'xn--\u00fc',
  '',
])('%j is no label', (text) => {
  expect(normaliseLabel(text)).toHaveProperty('fault')
})

test('every label is valid, and its own normal form', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
      const result = normaliseLabel(text)
      if (!('label' in result)) return
      expect(result.label).toMatch(LABEL)
      expect(normaliseLabel(result.label)).toEqual(result)
    }),
  )
})

test('long texts that start alike have different labels', () => {
  const long = 'x'.repeat(80)
  const labels = [`${long}1`, `${long}2`, `${'ü'.repeat(80)}1`, `${'ü'.repeat(80)}2`].map(normaliseLabel)
  expect(new Set(labels.map((result) => JSON.stringify(result))).size).toBe(4)
  for (const result of labels) expect(result).toMatchObject({ label: expect.stringMatching(LABEL) as string })
})

const key = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._~/:-]{0,80}[A-Za-z0-9])?$/)

test('two keys never share a default label, and a key always has the same one', () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(defaultLabel(a)).toMatch(LABEL)
      expect(defaultLabel(a) === defaultLabel(b)).toBe(a === b)
    }),
  )
  expect(defaultLabel('session-42')).toBe('session-42')
  expect(defaultLabel('session-42/jupyter')).toMatch(/^session-42-jupyter-[0-9a-f]{8}$/)
  expect(defaultLabel('A')).not.toBe(defaultLabel('a'))
})

test('on a collision, two keys get different labels', () => {
  fc.assert(
    fc.property(fc.stringMatching(LABEL), key, key, (label, a, b) => {
      expect(labelOnCollision(label, a)).toMatch(LABEL)
      expect(labelOnCollision(label, a) === labelOnCollision(label, b)).toBe(a === b)
    }),
  )
})
