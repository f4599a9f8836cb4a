import { expect, test } from 'vitest'
import { formatEndpoint, parseEndpoint } from './endpoint.ts'

test.each([
  ['10.0.0.1', 8080, '10.0.0.1:8080'],
  ['fd00::1', 65535, '[fd00::1]:65535'],
  ['api.alice', 1, 'api.alice:1'],
])('%s and %i are %s', (host, port, text) => {
  expect(formatEndpoint(host, port)).toBe(text)
  expect(parseEndpoint(text)).toEqual({ host, port })
})

test.each([
  '',
  '10.0.0.1',
  '10.0.0.1:',
  '10.0.0.1:0',
  '10.0.0.1:65536',
  'fd00::1:80',
  '[fd00::1]',
  'a b:80',
  ':80',
])('%j is not an endpoint', (text) => {
  expect(parseEndpoint(text)).toBeUndefined()
})
