import { totalmem } from 'node:os'
import { expect, test } from 'vitest'
import { quantityOf, resourceOf } from './resources.ts'

test.each([
  ['500m', 0.5],
  ['1.5', 1.5],
  ['64Mi', 64 * 1024 * 1024],
  ['1e3', 1000],
  ['2k', 2000],
  ['1G', 1e9],
  ['', undefined],
  ['1.2.3', undefined],
  ['five', undefined],
])('%j is %j', (text, value) => expect(quantityOf(text)).toBe(value))

const resources = { limits: { cpu: '1500m', memory: '64Mi' }, requests: { cpu: 1 } }
const spec = { containers: [{ name: 'a', resources }, { name: 'b' }] }

test('a limit or request counts in units of the divisor, rounded up, and without one the machine counts', () => {
  const of = (resource: string, divisor?: string, containerName = 'a') =>
    resourceOf(spec, { resource, divisor, containerName })
  expect(of('limits.cpu')).toBe('2')
  expect(of('limits.cpu', '1m')).toBe('1500')
  expect(of('limits.memory', '1Mi')).toBe('64')
  expect(of('requests.cpu')).toBe('1')
  expect(of('requests.memory', '0')).toBe(String(64 * 1024 * 1024))
  expect(of('limits.memory', '1', 'b')).toBe(String(totalmem()))
  expect(of('requests.cpu', '1', 'b')).toBe('0')
  expect(resourceOf(spec, { resource: 'limits.cpu' }, 'a')).toBe('2')
})
