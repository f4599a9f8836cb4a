import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readProxyHeader } from './proxy-header.ts'

const text = (line: string): Buffer => Buffer.from(line, 'latin1')
const SIGNATURE = '0d0a0d0a000d0a515549540a'
const binary = (rest: string): Buffer => Buffer.from(SIGNATURE + rest.replaceAll(' ', ''), 'hex')

test.each([
  ['PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n', '203.0.113.7'],
  ['PROXY TCP6 2001:DB8::1 2001:db8::2 0 65535\r\n', '2001:db8::1'],
  ['PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n', '203.0.113.7'],
  ['PROXY UNKNOWN\r\n', undefined],
  ['PROXY UNKNOWN ffff:f::1 ffff::2 65535 65535\r\n', undefined],
])('version 1: %j', (line, address) => {
  expect(readProxyHeader(text(`${line}GET /`))).toEqual({ address, length: line.length })
})

test.each([
  ['2111 000c cb007107 0a000001 1267 01bb', '203.0.113.7', 28],
  [
    '2121 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 1267 01bb',
    '2001:db8::1',
    52,
  ],
  [
    '2121 0024 00000000000000000000ffffcb007107 00000000000000000000000000000001 1267 01bb',
    '203.0.113.7',
    52,
  ],
  ['2111 0010 cb007107 0a000001 1267 01bb 04000130', '203.0.113.7', 32],
  ['2000 0000', undefined, 16],
  ['2011 000c cb007107 0a000001 1267 01bb', undefined, 28],
  ['2100 0000', undefined, 16],
])('version 2: %s', (rest, address, length) => {
  const header = binary(rest)
  expect(readProxyHeader(Buffer.concat([header, text('GET /')]))).toEqual({ address, length })
  for (let cut = 0; cut < length; cut++) expect(readProxyHeader(header.subarray(0, cut))).toBeUndefined()
})

describe('these are refused:', () => {
  test.each([
    'GET / HTTP/1.1\r\n',
    'PROXY TCP4 203.0.113.7 10.0.0.1 4711\r\n',
    'PROXY TCP4 203.0.113.7 10.0.0.1 4711 443 x\r\n',
    'PROXY  TCP4 203.0.113.7 10.0.0.1 4711 443\r\n',
    'PROXY TCP4 203.0.113.7 10.0.0.1 04711 443\r\n',
    'PROXY TCP4 203.0.113.7 10.0.0.1 65536 443\r\n',
    'PROXY TCP4 203.0.113.256 10.0.0.1 1 2\r\n',
    'PROXY TCP4 2001:db8::1 10.0.0.1 1 2\r\n',
    'PROXY TCP6 203.0.113.7 ::1 1 2\r\n',
    'PROXY TCP5 203.0.113.7 10.0.0.1 1 2\r\n',
    'proxy TCP4 203.0.113.7 10.0.0.1 1 2\r\n',
    `PROXY TCP4 ${'1'.repeat(120)}`,
    '\u0016\u0003\u0001',
  ])('%j', (line) => {
    expect(() => readProxyHeader(text(line))).toThrow(RangeError)
  })
  test.each(['3111 000c', '2211 000c', '2141 000c', '2113 000c', '2111 0004 cb007107', '2111 ffff'])(
    'version 2: %s',
    (rest) => expect(() => readProxyHeader(binary(rest))).toThrow(RangeError),
  )
})

test('whatever the bytes are, they are a header, refused or incomplete, and a header in pieces reads the same', () => {
  const start = fc.constantFrom(
    Buffer.from(SIGNATURE, 'hex'),
    text('PROXY '),
    text('PROXY TCP4 '),
    Buffer.alloc(0),
  )
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), (begin, rest) => {
      const bytes = Buffer.concat([begin, rest])
      const read = readOrRefuse(bytes)
      if (read === undefined) return
      expect(read.length).toBeLessThanOrEqual(bytes.length)
      expect(readProxyHeader(bytes.subarray(0, read.length))).toEqual(read)
      expect(readProxyHeader(bytes.subarray(0, read.length - 1))).toBeUndefined()
    }),
    { numRuns: 2_000 },
  )
})

/** Any other error than a RangeError fails the test. */
function readOrRefuse(bytes: Buffer): ReturnType<typeof readProxyHeader> {
  try {
    return readProxyHeader(bytes)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
