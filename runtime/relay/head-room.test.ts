/** The relay adds fields. Every request that it accepts must also pass the sidecar, which has the engine's limits. */
import { expect, test } from 'vitest'
import { writeRequestHead } from '../http1/message/edits.ts'
import { parseRequestHead } from '../http1/message/head.ts'
import { HeadReader } from '../http1/message/head-reader.ts'
import { DEFAULT_LIMITS } from '../http1/index.ts'
import { VisitorEdits } from './worker/visitors/head-edits.ts'
import { DEFAULT_RELAY_LIMITS } from './limits.ts'

const { http } = DEFAULT_RELAY_LIMITS
/** A label and a domain with the maximum length of DNS. */
const HOST = `${'a'.repeat(63)}.${`${'b'.repeat(59)}.`.repeat(3)}example`
const KEY = 'k'.repeat(63)

const read = (text: string, limits: { headBytes: number; headerCount: number }) => {
  new HeadReader(true).read(Buffer.from(text, 'latin1'), 0, limits.headBytes)
  return parseRequestHead(text, limits)
}

const sentOn = (fields: string): string => {
  const edits = new VisitorEdits(KEY, { trace: 'restart', scheme: 'https', header: undefined, explain: true })
  const head = read(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n${fields}\r\n`, http)
  return writeRequestHead(
    head,
    edits.of(head, '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'),
    'via: 1.1 branchline\r\n',
  )
}

test('a request with as many fields as the relay accepts', () => {
  const text = sentOn('A: b\r\n'.repeat(http.headerCount - 1))
  expect(read(text, DEFAULT_LIMITS).at.length / 5).toBeLessThanOrEqual(DEFAULT_LIMITS.headerCount)
  expect(() => sentOn('A: b\r\n'.repeat(http.headerCount))).toThrow(/header fields/)
})

test('a request with as many bytes as the relay accepts', () => {
  const start = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nA: \r\n\r\n`.length
  const text = sentOn(`A: ${'b'.repeat(http.headBytes - start)}\r\n`)
  expect(text.length).toBeLessThanOrEqual(DEFAULT_LIMITS.headBytes)
  expect(text.length).toBeGreaterThan(http.headBytes)
  expect(() => sentOn(`A: ${'b'.repeat(http.headBytes - start + 1)}\r\n`)).toThrow(/of more than/)
})
