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
    ['aliases of aliases', laughs(9, 10), /^1: Excessive alias count/],
    [
      'a long text many times',
      repeated(1 << 20, 90),
      /^1: its aliases make it longer than 16777216 characters/,
    ],
    ['a map in itself', 'data: &d\n  a: *d\n', /^1: an alias refers to the list or map that contains it/],
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
    expect(found).toEqual([`${MAX_DOCUMENTS * 2 + 1}: more than ${MAX_DOCUMENTS} documents: split the file`])
  })
})

test('normal manifests are allowed', () => {
  expect(messages(repeated(1000, 900))).toEqual([undefined])
  expect(messages(`${'['.repeat(MAX_NESTING - 2)}${']'.repeat(MAX_NESTING - 2)}`)).toEqual([undefined])
  expect(messages(`a: "${'z'.repeat(MAX_EXPANDED_LENGTH / 2)}"`)).toEqual([undefined])
})
