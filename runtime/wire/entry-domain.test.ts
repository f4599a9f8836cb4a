import { expect, test } from 'vitest'
import { parseEntryDomain } from './entry-domain.ts'

test.each([
  ['', undefined],
  ['shop.example.com', 'shop.example.com'],
  ['Shop.LOCALHOST', 'shop.localhost'],
])('%j is %j', (text, domain) => expect(parseEntryDomain(text)).toBe(domain))

test.each([
  'com',
  '*.shop.example.com',
  'http://shop.example.com',
  'shop.example.com:80',
  'shop..com',
  '.a.b',
  'a_b.c',
])('%j is refused, with an example', (text) =>
  expect(() => parseEntryDomain(text)).toThrow(/wanted a domain such as shop\.example\.com/),
)
