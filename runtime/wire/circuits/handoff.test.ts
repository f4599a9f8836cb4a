import fc from 'fast-check'
import { expect, test } from 'vitest'
import { comeBackUrl, enterUrl, localPath, readComeBack, readEnter } from './handoff.ts'

const state = 's'.repeat(43)
const queryOf = (url: string): URLSearchParams => new URL(url).searchParams

test('both ends read what the other writes', () => {
  const enter = { circuit: 'c-1', host: 'web.localhost', returnTo: '/a?b=%2F&c', state }
  const url = enterUrl('http://localhost:8080', enter)
  expect(url).toMatch(/^http:\/\/localhost:8080\/-\/enter\?/)
  expect(readEnter(queryOf(url))).toEqual(enter)
  const back = { code: 'c'.repeat(43), returnTo: '/a?b=%2F&c', state }
  expect(readComeBack(queryOf(comeBackUrl('http://web.localhost:8080', back)))).toEqual(back)
})

test.each([
  ['no state', 'circuit=a&host=b'],
  ['two circuits', `circuit=a&circuit=b&host=b&state=${state}`],
  ['a host with a path', `circuit=a&host=b/c&state=${state}`],
  ['a host with a port', `circuit=a&host=b:80&state=${state}`],
  ['a host with a user', `circuit=a&host=a@b&state=${state}`],
])('an enter request with %s is refused', (_, query) => {
  expect(readEnter(new URLSearchParams(query))).toBeUndefined()
})

test.each([
  '//evil.example',
  '/\\evil.example',
  '/\t/evil.example',
  'https://evil.example',
  'javascript:alert(1)',
])('a return to %j leads to the root (open redirect)', (text) => expect(localPath(text)).toBe('/'))

test('a browser stays on its origin, whatever the return is', () => {
  const parts = fc.constantFrom(
    '/',
    '\\',
    '.',
    '..',
    ':',
    '@',
    '?',
    '#',
    '\t',
    '\n',
    '\r',
    ' ',
    '%2f',
    'evil.example',
    'http:',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(parts, { maxLength: 8 }).map((all) => `/${all.join('')}`),
  )
  fc.assert(
    fc.property(text, (returnTo) => {
      expect(new URL(localPath(returnTo), 'https://web.example').origin).toBe('https://web.example')
    }),
    { numRuns: 2_000 },
  )
})
