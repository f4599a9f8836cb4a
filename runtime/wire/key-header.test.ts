import { expect, test } from 'vitest'
import { parseKeyHeader } from './key-header.ts'

test('returns a name in lower case, and undefined for an empty text', () => {
  expect(parseKeyHeader('Kubernetes-Route-As')).toBe('kubernetes-route-as')
  expect(parseKeyHeader('')).toBeUndefined()
})

test.each(['a b', 'a_b', 'a.b', '-a', 'a-', 'a:', 'ä', 'x'.repeat(64)])('%j is no name', (text) => {
  expect(() => parseKeyHeader(text)).toThrow(`${JSON.stringify(text)}: wanted the name of a header`)
})

test.each([
  'Host',
  'cookie',
  'tracestate',
  'x-request-id',
  'X-Forwarded-For',
  'x-branchline-routed',
  'b3',
  'te',
])('%s already has another meaning', (text) => {
  expect(() => parseKeyHeader(text)).toThrow('already has another meaning')
})
