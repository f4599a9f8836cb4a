import { expect, test } from 'vitest'
import { splitDocuments } from './yaml-split.ts'

const split = (text: string): (string | undefined)[] =>
  [...splitDocuments(text)].map(({ start, end, fault }) => fault?.message ?? text.slice(start, end))

test.each([
  ['a: 1\n---\nb: 2\n', ['a: 1\n', 'b: 2\n']],
  ['---\na: 1', ['a: 1']],
  ['--- # Source: x\na: 1\n---   \r\nb: 2\r\n', ['a: 1\n', 'b: 2\r\n']],
  ['\uFEFF---\na: 1\n', ['a: 1\n']],
  ['\uFEFFa: 1\n', ['\uFEFFa: 1\n']],
  ['---\n---\n# comment\n\n---\n\n', []],
  ['%YAML 1.1\n---\na: 1\n', ['a: 1\n']],
  ['# c\n\n  a: 1\n# d\n', ['  a: 1\n# d\n']],
  ['a: 1\n...\n---\nb: 2\n', ['a: 1\n...\n', 'b: 2\n']],
  ['a: |\n  ---\n  x\n', ['a: |\n  ---\n  x\n']],
  ['', []],
])('%j', (text, documents) => {
  expect(split(text)).toEqual(documents)
})

test.each([
  ['{"a":1}', ['{"a":1}']],
  ['\n{"a": "}\\"{"}\n {"b": {}}\n', ['{"a": "}\\"{"}', '{"b": {}}']],
  ['{"a":1}{"b":2}', ['{"a":1}', '{"b":2}']],
])('a text of JSON objects is split between them: %j', (text, documents) => {
  expect(split(text)).toEqual(documents)
  expect([...splitDocuments(text)].every(({ isJson }) => isJson)).toBe(true)
})

test.each(['{a: 1}\n---\nb: 2\n', '{"a":1}\n---\n{"b":2}\n', '{"a":1} x', '{"a":', '[{"a":1}]'])(
  'a text that only begins like JSON is YAML: %j',
  (text) => {
    expect([...splitDocuments(text)].some(({ isJson }) => isJson)).toBe(false)
  },
)

test('comments of any number are skipped', () => {
  const comments = '# c\n'.repeat(1_000_000)
  expect(split(comments)).toEqual([])
  expect(split(`${comments}---\na: 1\n`)).toEqual(['a: 1\n'])
})

test('text after the marker is a fault, as in Kubernetes', () => {
  expect(split('--- {a: 1}\n---\nb: 2\n')).toEqual([
    'text after ---: Kubernetes wants the document to begin on the next line',
    'b: 2\n',
  ])
})
