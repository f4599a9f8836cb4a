import fc from 'fast-check'
import { expect, test } from 'vitest'
import { labelOf, urlOf } from './host.ts'

test.each([
  ['web--alice.localhost', 'localhost', 'web--alice'],
  ['web--alice.localhost:8080', 'localhost', 'web--alice'],
  ['WEB--Alice.LOCALHOST:8080', 'localhost', 'web--alice'],
  ['web--alice.localhost.', 'localhost', 'web--alice'],
  ['web--alice.localhost.:8080', 'localhost', 'web--alice'],
  ['web.preview.example.com', 'preview.example.com', 'web'],
  ['web.localhost:', 'localhost', 'web'],
  ['localhost', 'localhost', undefined],
  ['.localhost', 'localhost', undefined],
  ['a.b.localhost', 'localhost', undefined],
  ['web--alice.localhost..', 'localhost', undefined],
  ['web--alicelocalhost', 'localhost', undefined],
  ['web--alice.localhost.evil.example', 'localhost', undefined],
  ['web--alice.localhost@evil.example', 'localhost', undefined],
  ['user@web--alice.localhost', 'localhost', undefined],
  ['web--alice.localhost:80:80', 'localhost', undefined],
  ['[::1]:8080', 'localhost', undefined],
  ['127.0.0.1', 'localhost', undefined],
  ['', 'localhost', undefined],
  [`${'a'.repeat(64)}.localhost`, 'localhost', undefined],
  ['web--alice.previewXexample.com', 'preview.example.com', undefined],
])('%j under %s is %j', (authority, domain, label) => {
  expect(labelOf(authority, domain)).toBe(label)
})

test('every text results in a label of the host alphabet, or none', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (text) => {
      const label = labelOf(`${text}.localhost`, 'localhost')
      return label === undefined || /^[a-z0-9-]{1,63}$/.test(label)
    }),
  )
  expect(urlOf('web--alice', new URL('https://preview.example.com'))).toBe(
    'https://web--alice.preview.example.com',
  )
  expect(urlOf('web', new URL('http://localhost:8080'))).toBe('http://web.localhost:8080')
})
