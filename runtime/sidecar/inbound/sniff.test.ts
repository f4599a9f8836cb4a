import fc from 'fast-check'
import { expect, test } from 'vitest'
import { looksLikeHttp1, detectProtocol, detect } from './sniff.ts'

test.each([
  ['GET / HTTP/1.1\r\n', true],
  ['GET / HTTP/1.0\n', true],
  ['OPTIONS * HTTP/1.1\r\n', true],
  ['M-SEARCH * HTTP/1.1\r\n', true],
  ['GET http://a/b HTTP/1.1\r\nhost: a\r\n\r\n', true],
  [`GET /${'a'.repeat(5000)}`, true],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', false],
  ['GET key\r\n', false],
  ['SET / 1\r\n', false],
  ['PING\r\n', false],
  ['EHLO mail.example\r\n', false],
  ['*1\r\n$4\r\nPING\r\n', false],
  ['get / HTTP/1.1\r\n', false],
  ['\x16\x03\x01\x02\x00', false],
  ['\x00\x00\x00\x08\x04\xd2\x16\x2f', false],
  ['\r\n', false],
  ['', undefined],
  ['GE', undefined],
  ['GET ', undefined],
  ['GET ht', undefined],
  ['GET /a HTTP/1', undefined],
])('%j: %s', (text, expected) => {
  expect(looksLikeHttp1(Buffer.from(text, 'latin1'))).toBe(expected)
})

test.each([
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04', 'http2'],
  ['PRI * HTTP/2.0\r\n', undefined],
  ['P', undefined],
  ['PRI * HTTP/1.1\r\n', 'http1'],
  ['PRI * HTTP/2.0\r\n\r\nSN', 'raw'],
  ['GET / HTTP/1.1\r\n', 'http1'],
  ['EHLO a\r\n', 'raw'],
])('%j speaks %s', (text, expected) => {
  expect(detectProtocol(Buffer.from(text, 'latin1'))).toBe(expected)
})

test.each([
  ['get / HTTP/1.1\r\n', 'http1'],
  ['M_X2 / HTTP/1.1\r\n', 'http1'],
  [`${'A'.repeat(40)} / HTTP/1.0\r\n`, 'http1'],
  ['CONNECT alice.shop.example.com:80 HTTP/1.1\r\n', 'http1'],
  ['GET HTTP://a/ HTTP/1.1\r\n', 'http1'],
  [`get /${'a'.repeat(5000)}`, 'http1'],
  ['get /a HTTP/1.1\r', undefined],
  ['ge', undefined],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'],
  ['get key\r\n', 'raw'],
  ['PING\r\n', 'raw'],
  ['EHLO a\r\n', 'raw'],
  ['\x16\x03\x01\x02\x00', 'raw'],
])('behind an ingress, %j speaks %s', (text, expected) => {
  expect(detectProtocol(Buffer.from(text, 'latin1'), true)).toBe(expected)
})

test('bytes that arrive in pieces are classified like the whole, or not yet', () => {
  const anyText = fc.oneof(
    fc.constantFrom('GET / HTTP/1.1\r\n', 'POST http://a/ HTTP/1.0\r\n', 'PRI * HTTP/2.0\r\n', 'EHLO a\r\n'),
    fc.constantFrom('get / HTTP/1.1\r\n', 'CONNECT a:80 HTTP/1.1\r\n'),
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  )
  fc.assert(
    fc.property(anyText, fc.nat({ max: 40 }), fc.boolean(), (text, cut, isEntry) => {
      const whole = detectProtocol(Buffer.from(text, 'latin1'), isEntry)
      const part = detectProtocol(Buffer.from(text.slice(0, cut), 'latin1'), isEntry)
      expect([undefined, whole]).toContain(part)
    }),
  )
})

const SETTINGS: Buffer = Buffer.from('000006040000000000000400100000', 'hex')
const EMPTY: Buffer = Buffer.alloc(0)
const anyClient = fc.constantFrom(
  'GET / HTTP/1.1\r\nhost: a\r\n',
  'PATCH http://a/ HTTP/1.0\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'EHLO a\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
)
const anyServer = fc.constantFrom<Buffer>(
  EMPTY,
  SETTINGS,
  Buffer.from('220 mail ESMTP\r\n'),
  Buffer.from('J\0\0\0\n8.4'),
)

test('the first side to send decides: a request of the client, or a greeting of the app', () => {
  const anySteps = fc.array(fc.record({ client: fc.boolean(), bytes: fc.integer({ min: 1, max: 9 }) }), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(anyClient, anyServer, anySteps, (text, greeting, steps) => {
      const sent = Buffer.from(text, 'latin1')
      let [bytes, appBytes] = [EMPTY, EMPTY]
      for (const step of steps) {
        const settled = detect({ declared: false, bytes, last: false, appBytes, appEnded: false })
        if (settled !== undefined) break
        if (step.client) bytes = sent.subarray(0, bytes.length + step.bytes)
        else appBytes = greeting.subarray(0, appBytes.length + step.bytes)
        const detected = detect({ declared: false, bytes, last: false, appBytes, appEnded: false })
        const greeted = greeting !== SETTINGS && appBytes.length > 3
        const expected = !step.client && greeted ? 'raw' : detectProtocol(bytes)
        expect(detected).toBe(expected)
        expect([undefined, 'raw', detectProtocol(sent)]).toContain(detected)
      }
    }),
  )
})

test.each([
  ['a declared port', true, 'GARBAGE\r\n', false, 'http1'],
  ['a declared port', true, 'POST', false, 'http1'],
  ['a declared port', true, 'P', false, undefined],
  ['a declared port', true, 'P', true, 'http1'],
  ['a declared port', true, 'PRI * HT', true, 'http2'],
  ['a declared port', true, '', false, undefined],
  ['an undeclared port', false, 'GET /', true, 'http1'],
  ['an undeclared port', false, 'GET', true, 'raw'],
  ['an undeclared port', false, '', true, 'raw'],
] as const)('on %s (%s) %j, at last %s, is %s', (_port, declared, text, last, expected) => {
  const bytes = Buffer.from(text)
  expect(detect({ declared, bytes, last, appBytes: EMPTY, appEnded: false })).toBe(expected)
})

test('SETTINGS do not decide, and an app that ends its direction makes a connection raw', () => {
  const known = { declared: false, bytes: EMPTY, last: false }
  expect(detect({ ...known, appBytes: SETTINGS, appEnded: false })).toBeUndefined()
  expect(detect({ ...known, appBytes: SETTINGS.subarray(0, 4), appEnded: false })).toBeUndefined()
  expect(detect({ ...known, appBytes: Buffer.from('HTTP/1.1 408 \r\n'), appEnded: false })).toBe('raw')
  expect(detect({ ...known, appBytes: EMPTY, appEnded: true })).toBe('raw')
})
