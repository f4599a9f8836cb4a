import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isExempt, isOwnPath } from './exempt.ts'
import { circuitOf, CLIENT, editsIn, headOf, streamHeadOf, TestTable } from './fixture.ts'

const PATTERNS = ['/webhooks/*', '/health']

test.each([
  '/webhooks/',
  '/webhooks/a',
  '/webhooks/a?b=/../c',
  '/webhooks/a%20b'.replace('%20', '-'),
  '/webhooks/%C3%A4',
  '/health',
  '/health?a',
])('exempt: %s', (target) => expect(isExempt(target, PATTERNS)).toBe(true))

test.each([
  '/webhooks',
  '/Webhooks/a',
  '/health/',
  '/healthy',
  '/webhooks/../admin',
  '/webhooks/..',
  '/webhooks/./a',
  '/webhooks/%2e%2e/admin',
  '/webhooks/%2E./admin',
  '/webhooks/%252e%252e/admin',
  '/webhooks/%25252e%25252e/admin',
  '/webhooks/..%2fadmin',
  '/webhooks/a%2f..%2f..%2fadmin',
  '/webhooks/..\\admin',
  '/webhooks/..%5cadmin',
  '/webhooks//admin',
  '//webhooks/a',
  '/webhooks/..;/admin',
  '/webhooks;/../admin',
  '/webhooks/a;b',
  '/webhooks/%3b/a',
  '/webhooks/%00',
  '/webhooks/a%0d%0ab',
  '/webhooks/%c0%ae%c0%ae/admin',
  '/webhooks/\u00c0\u00ae/admin',
  '/webhooks/%EF%BC%8E%EF%BC%8E/admin',
  '/webhooks/%E2%80%A5/admin',
  '/webhooks/a%EF%BC%8Fb',
  '/webhooks/%',
  '/webhooks/%zz',
  '/%77ebhooks/a',
  '*',
])('not exempt: %s', (target) => {
  expect(isExempt(target, PATTERNS)).toBe(false)
})

/** How servers and frameworks read a path: each of these, in any order, several times. */
const READINGS: ((path: string) => string)[] = [
  (path) => {
    try {
      return decodeURIComponent(path)
    } catch {
      return path
    }
  },
  (path) => path.replaceAll('\\', '/'),
  (path) => path.replaceAll(/\/{2,}/g, '/'),
  (path) => path.replaceAll(/;[^/]*/g, ''),
  (path) => new URL(`http://x${path.replaceAll(/[?#]/g, '_')}`).pathname,
  (path) => path.normalize('NFKC'),
  (path) => path.split('\0', 1)[0] ?? '',
]

test('a path that is exempt is below the exempt path, however a server reads it', () => {
  const part = fc.constantFrom(
    '/',
    '.',
    '..',
    '%2e',
    '%252e',
    '%2f',
    '%5c',
    '\\',
    ';',
    ';a',
    '%3b',
    '%00',
    'a',
    'admin',
    '%EF%BC%8E',
    '%E2%80%A5',
    '%25',
    '%',
  )
  const path = fc.array(part, { maxLength: 10 }).map((parts) => `/webhooks/${parts.join('')}`)
  const order = fc.array(fc.constantFrom(...READINGS), { maxLength: 8 })
  let exempt = 0
  fc.assert(
    fc.property(path, order, (target, readings) => {
      if (!isExempt(target, PATTERNS)) return
      exempt++
      const read = readings.reduce((text, reading) => reading(text), target)
      expect(read.startsWith('/webhooks/')).toBe(true)
    }),
    { numRuns: 5_000 },
  )
  expect(exempt).toBeGreaterThan(50)
})

test('an exempt path opens without credentials over HTTP/1.1 and HTTP/2, and no field replaces it', () => {
  const circuit = circuitOf({ type: 'token', exempt: PATTERNS })
  const access = new TestTable().access()
  for (const head of [headOf('POST /webhooks/a', 'X-Original-URL: /admin'), streamHeadOf('/webhooks/a')])
    expect(editsIn(access.check(circuit, head, CLIENT))?.remove).toContain('x-original-url')
  for (const head of [
    headOf('GET /webhooks/../admin'),
    streamHeadOf('/webhooks/%2e%2e/admin'),
    streamHeadOf('/'),
  ])
    expect(access.check(circuit, head, CLIENT).decision).toBeDefined()
  const absolute = headOf('GET http://web.localhost/webhooks/../admin')
  expect(access.check(circuit, absolute, CLIENT).decision).toBeDefined()
})

test.each([
  ['/-branchline/enter', true],
  ['/-branchline/', true],
  ['/-branchline', true],
  ['/-branchline?a', true],
  ['/%2dbranchline/enter', true],
  ['/-%62ranchline/enter', true],
  ['/-Branchline/enter', true],
  ['/-branchlines/enter', false],
  ['/a/-branchline/enter', false],
])('%s belongs to the relay: %s', (target, own) => {
  expect(isOwnPath(target)).toBe(own)
})
