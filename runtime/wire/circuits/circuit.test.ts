import { expect, test } from 'vitest'
import { circuitCreate, circuitPatch } from './circuit.ts'

const MINIMAL = { key: 'session-42/jupyter', frontend: { type: 'subdomain', label: 'jupyter-42' } }

test('a circuit needs a key and a frontend', () => {
  expect(circuitCreate.parse(MINIMAL)).toEqual(MINIMAL)
  expect(circuitCreate.safeParse({ key: 'a' }).success).toBe(false)
})

test.each([
  ['an empty key', { ...MINIMAL, key: '' }],
  ['a key that ends in a slash', { ...MINIMAL, key: 'a/' }],
  ['an unknown field', { ...MINIMAL, sticky: true }],
  ['a target without an address', { ...MINIMAL, targets: [{ id: 'a' }] }],
  ['a target with two kinds', { ...MINIMAL, targets: [{ address: 'a:1', devbox: 'x' }] }],
  ['a port above 65535', { ...MINIMAL, targets: [{ address: '10.0.0.7:70000' }] }],
  [
    'an allow-list with a bad entry',
    { ...MINIMAL, access: { type: 'public', allow: ['10.0.0.0/8', '10.0.0.0/33'] } },
  ],
  ['an empty allow-list', { ...MINIMAL, access: { type: 'public', allow: [] } }],
  ['a header that splits a request', { ...MINIMAL, rewrite: { headers: { a: 'b\r\nc: d' } } }],
])('%s is refused', (_what, value) => {
  expect(circuitCreate.safeParse(value).success).toBe(false)
})

test('a weight has a default when a target is created, and none in a patch', () => {
  const created = circuitCreate.parse({ ...MINIMAL, targets: [{ address: '10.0.0.7:8888' }] })
  expect(created.targets).toEqual([{ address: '10.0.0.7:8888', weight: 1 }])
  expect(circuitPatch.parse({ balancing: 'weighted', ttl: null })).toEqual({
    balancing: 'weighted',
    ttl: null,
  })
})
