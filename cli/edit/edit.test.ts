import { describe, expect, test } from 'vitest'
import { EditError, editText, type Sources } from './edit.ts'

/** Edits a text and returns the result. */
const edit = (text: string, wanted: unknown, sources: Sources = {}): string =>
  editText(text, wanted, { sources, isUndo: true }).text

describe('only what differs changes', () => {
  test.each([
    ['a scalar keeps its place and comment', 'a:   1 # one\nb: 2\n', { a: 3, b: 2 }, 'a:   3 # one\nb: 2\n'],
    [
      'a key is added below the last one',
      'a:\n  b: 1 # c\n\nd: 2',
      { a: { b: 1, x: { z: 1 } }, d: 2 },
      'a:\n  b: 1 # c\n  x:\n    z: 1\n\nd: 2',
    ],
    ['without a line break at the end', 'a: 1', { a: 1, b: 2 }, 'a: 1\nb: 2'],
    ['with the line breaks of the text', 'a: 1\r\n', { a: 1, b: [2] }, 'a: 1\r\nb:\r\n  - 2\r\n'],
    ['a key is removed with its lines', 'a: 1\nb:\n  - 2\n# c\nd: 3\n', { a: 1, d: 3 }, 'a: 1\n# c\nd: 3\n'],
    ['the first key of an item is removed', '- a: 1\n  b: 2\n', [{ b: 2 }], '- b: 2\n'],
    ['items are added at both ends', 'a:\n- 2\n', { a: [1, 2, 3] }, 'a:\n- 1\n- 2\n- 3\n'],
    [
      'items are found by their name',
      '- name: a\n- name: b # c\n  x: 1\n',
      [{ name: 'b', x: 2 }],
      '- name: b # c\n  x: 2\n',
    ],
    ['a flow map grows', '{ a: 1 }', { a: 1, b: 'yes' }, '{ a: 1, b: "yes" }'],
    [
      'a flow list of several lines grows',
      'a: [\n  1,\n  2, # two\n]\n',
      { a: [1, 2, 3] },
      'a: [\n  1,\n  2,\n  3, # two\n]\n',
    ],
    ['compact JSON', '{"a":{"b":1}}', { a: { b: 1, c: [2] } }, '{"a":{"b":1,"c":[2]}}'],
    [
      'JSON of several lines',
      '{\n    "a": {\n        "b": 1\n    }\n}\n',
      { a: { b: 1, c: [2] } },
      '{\n    "a": {\n        "b": 1,\n        "c": [\n            2\n        ]\n    }\n}\n',
    ],
    [
      'an empty value',
      'a: # nothing\nb: {}\n',
      { a: { x: 1 }, b: { z: 2 } },
      'a: {x: 1} # nothing\nb: {z: 2}\n',
    ],
    [
      'lines that are kept below a text',
      'a:\n  b: |+\n    x\n\nc: 1\n',
      { a: { b: 'x\n\n', d: 1 }, c: 1 },
      'a:\n  b: |+\n    x\n\n  d: 1\nc: 1\n',
    ],
    ['an octal number that stays', 'mode: 0400\nx: 1\n', { mode: 256, x: 2 }, 'mode: 0400\nx: 2\n'],
    [
      'a text that looks like something else',
      'a: 1\n',
      { a: 1, b: 'on', c: '0400', d: '1_0' },
      'a: 1\nb: "on"\nc: "0400"\nd: "1_0"\n',
    ],
  ])('%s', (_name, text, wanted, edited) => {
    expect(edit(text, wanted)).toBe(edited)
  })
})

describe('aliases and merge keys', () => {
  test('an alias is written out, and its text is kept', () => {
    const text = 'a: &x {b: 1}\nc: *x # see a\n'
    const { text: edited, replaced } = editText(text, { a: { b: 1 }, c: { b: 1, d: 2 } })
    expect(edited).toBe('a: &x {b: 1}\nc: {b: 1, d: 2} # see a\n')
    expect(replaced).toEqual({ '/c': ' *x' })
    expect(edit(edited, { a: { b: 1 }, c: { b: 1 } }, replaced)).toBe(text)
  })

  test('an alias of a changed anchor changes with it, or is written out', () => {
    const text = 'a: &x\n  b: 1\nc: *x\nd: *x\n'
    const wanted = { a: { b: 1, e: 2 }, c: { b: 1, e: 2 }, d: { b: 1 } }
    expect(editText(text, wanted).text).toBe('a: &x\n  b: 1\n  e: 2\nc: *x\nd: {b: 1}\n')
  })

  test('a merged map gets a key of its own, which is removed again', () => {
    const text = 'a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n'
    const { text: edited, replaced } = editText(text, { a: { b: 1 }, c: { b: 3, d: 2, e: 4 } })
    expect(edited).toBe('a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n  b: 3\n  e: 4\n')
    expect(edit(edited, { a: { b: 1 }, c: { b: 1, d: 2 } }, replaced)).toBe(text)
  })

  test('a map without a key that is merged is written out', () => {
    expect(edit('a: &x {b: 1}\nc: {<<: *x, d: 2}\n', { a: { b: 1 }, c: { d: 2 } })).toBe(
      'a: &x {b: 1}\nc: {d: 2}\n',
    )
  })
})

test('a recorded text that means something else by now is not written', () => {
  expect(edit('a: 2\n', { a: 3 }, { '/a': ' "3"' })).toBe('a: 3\n')
  expect(edit('a: 2\n', { a: '3' }, { '/a': ' "3" ]' })).toBe('a: "3"\n')
})

test.each([
  ['a tag', 'a: !!int "1"\n', { a: 'x' }],
  ['an anchor whose list is replaced', 'a: [&x 1]\nb: *x\n', { a: {}, b: 1 }],
])('a change that is not possible is refused: %s', (_name, text, wanted) => {
  expect(() => editText(text, wanted)).toThrow(EditError)
})
