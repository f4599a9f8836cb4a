import fc from 'fast-check'
import { expect, test } from 'vitest'
import { looksLikeHttp1, spokenBy } from './sniff.ts'

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
  expect(spokenBy(Buffer.from(text, 'latin1'))).toBe(expected)
})

test('what arrives in pieces is judged as the whole is, or not yet', () => {
  const anyText = fc.oneof(
    fc.constantFrom('GET / HTTP/1.1\r\n', 'POST http://a/ HTTP/1.0\r\n', 'PRI * HTTP/2.0\r\n', 'EHLO a\r\n'),
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  )
  fc.assert(
    fc.property(anyText, fc.nat({ max: 40 }), (text, cut) => {
      const whole = spokenBy(Buffer.from(text, 'latin1'))
      const part = spokenBy(Buffer.from(text.slice(0, cut), 'latin1'))
      expect([undefined, whole]).toContain(part)
    }),
  )
})
