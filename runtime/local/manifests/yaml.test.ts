import { LineCounter } from 'yaml'
import { describe, expect, test } from 'vitest'
import { MAX_DOCUMENTS, MAX_EXPANDED_LENGTH, MAX_NESTING, parseYaml } from './yaml.ts'

const parse = (text: string): ReturnType<typeof parseYaml> => parseYaml(text, new LineCounter())
const messages = (text: string): (string | undefined)[] =>
  parse(text).map(({ message, ...it }) => message && `${'line' in it ? it.line : ''}: ${message}`)

test('documents are returned with their values, and an invalid one does not affect the others', () => {
  const documents = parse('a: &x [1]\nb: *x\n---\na: [1\n---\nc: 3\n')
  expect(documents.map((it) => (it.message === undefined ? it.value : it.line))).toEqual([
    { a: [1], b: [1] },
    expect.any(Number),
    { c: 3 },
  ])
})

test.each([
  ['octal', 'mode: 0400', { mode: 256 }],
  ['quotes', 'a: "yes"\nb: \'0123\'', { a: 'yes', b: '0123' }],
  ['keys that are words', 'on: 1\n080: 2\n1.5: 3', { true: 1, 80: 2, 1.5: 3 }],
  ['a merge key', 'a: &a {x: 1, z: 2}\nb: {<<: *a, z: 3}', { a: { x: 1, z: 2 }, b: { x: 1, z: 3 } }],
  ['a merge key after others', 'a: &a {x: 1}\nb: {x: 2, <<: *a}', { a: { x: 1 }, b: { x: 1 } }],
  ['several merged maps', 'b: {<<: [{x: 1}, {x: 2, z: 2}]}', { b: { x: 1, z: 2 } }],
  ['a quoted merge key', 'b: {"<<": 1}', { b: { '<<': 1 } }],
  ['an anchor that is set again', 'a: &a 1\nb: *a\nc: &a 2\nd: *a', { a: 1, b: 1, c: 2, d: 2 }],
  ['quotes that close at the begin of a line', "a:\n  b: '[\n  1\n]'\nc: 1", { a: { b: '[ 1 ]' }, c: 1 }],
  [
    'brackets that close there',
    'a:\n  b: [\n  {x: 1,\n z: 2}\n]\nc: 1',
    { a: { b: [{ x: 1, z: 2 }] }, c: 1 },
  ],
  ['JSON with tabs', '{\n\t"a": [\n\t\t"\\ud83d\\ude00\\/"\n\t]\n}', { a: ['😀/'] }],
  ['lines that end with CR LF', 'a: |\r\n  x\r\n  y\r\nb: 1\r\n', { a: 'x\ny\n', b: 1 }],
  ['a byte order mark', '\uFEFFa: 1', { a: 1 }],
  ['no prototype', '__proto__: {x: 1}', JSON.parse('{"__proto__":{"x":1}}') as unknown],
])('values are those of Kubernetes: %s', (_name, text, value) => {
  const [read] = parse(text)
  expect(read?.message).toBeUndefined()
  expect(read?.value).toStrictEqual(value)
})

test('of two equal keys the last one counts, and both lines are reported', () => {
  const [read] = parse('data:\n  x: 1\n  z: 2\n  x: 3\n')
  expect(read?.value).toEqual({ data: { x: 3, z: 2 } })
  expect(read?.message === undefined && read?.duplicates).toEqual([
    { line: 4, message: expect.stringMatching(/^key "x" is set twice, first in line 2/) as string },
  ])
})

test('a merge key that overrides another key is no duplicate', () => {
  const [read] = parse('a: &a {x: 1}\nb: {<<: *a, x: 2}\n')
  expect(read?.message === undefined && read?.duplicates).toEqual([])
})

test.each([
  ['? {a: 1}\n: 2\n', '1: a key is a list or a map: JSON has only texts as keys'],
  ['a: 1\nb: .inf\n', '2: .inf is a number that JSON does not have: put it in quotes'],
  ['a: !!int x\n', '1: "x" is tagged as a whole number, which it is not: remove the tag'],
  ['a: {<<: 1}\n', '1: << needs a map or a list of maps'],
  ['a: 1\n...\nb: 2\n', '3: Kubernetes ignores a document after "...": begin it with ---'],
  ['a: *x\n', '1: the alias *x has no anchor &x before it'],
])('%j is refused', (text, message) => {
  expect(messages(text)).toEqual([message])
})

test('the offsets of a document are those of the text', () => {
  const text = 'a: 1\n---\nb: [2]\n'
  const [, second] = parse(text)
  const range = second?.message === undefined ? second?.document.contents?.range : undefined
  expect(text.slice(range?.[0])).toBe('b: [2]\n')
})

/** Lines that each repeat the previous one several times. */
function laughs(depth: number, times: number): string {
  const lines = ['a0: &a0 lol']
  for (let index = 1; index <= depth; index++) {
    lines.push(`a${index}: &a${index} [${Array.from({ length: times }, () => `*a${index - 1}`).join(', ')}]`)
  }
  return `${lines.join('\n')}\n`
}
const repeated = (bytes: number, times: number): string =>
  `x: &x "${'y'.repeat(bytes)}"\nz: [${Array.from({ length: times }, () => '*x').join(', ')}]\n`

describe('unbounded growth is refused with a line and a reason', () => {
  test.each([
    ['aliases of aliases', laughs(9, 10), /^1: its aliases repeat more than 400000 values/],
    [
      'a long text many times',
      repeated(1 << 20, 90),
      /^1: its aliases make it longer than 16777216 characters/,
    ],
    ['a map in itself', 'data: &d\n  a: *d\n', /^2: an alias refers to the list or map that contains it/],
    ['a list in itself', 'items: &i [*i, *i]\n', /^1: an alias refers to the list or map that contains it/],
    ['lists', `\na: ${'['.repeat(50_000)}${']'.repeat(50_000)}`, /^2: .* nested more than 256 levels deep/],
    ['maps', `a: ${'{a: '.repeat(20_000)}1${'}'.repeat(20_000)}`, /^1: .* nested more than 256 levels deep/],
    ['lists by lines', `${'- '.repeat(50_000)}a`, /^1: .* nested more than 256 levels deep/],
    ['JSON', `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, /^1: .* nested more than 256 levels deep/],
  ])('%s', (_name, text, message) => {
    expect(messages(text)).toEqual([expect.stringMatching(message)])
  })

  test('documents', () => {
    const found = messages('---\na: b\n'.repeat(MAX_DOCUMENTS + 5)).filter((message) => message !== undefined)
    expect(found).toEqual([`${MAX_DOCUMENTS * 2 + 2}: more than ${MAX_DOCUMENTS} documents: split the file`])
  })
})

test('normal manifests are allowed', () => {
  expect(messages(repeated(1000, 900))).toEqual([undefined])
  expect(messages(`${'['.repeat(MAX_NESTING - 2)}${']'.repeat(MAX_NESTING - 2)}`)).toEqual([undefined])
  expect(messages(`a: "${'z'.repeat(MAX_EXPANDED_LENGTH / 2)}"`)).toEqual([undefined])
})
