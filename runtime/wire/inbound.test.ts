import { expect, test } from 'vitest'
import { formatInbound, parseInbound, protocolOf } from './inbound.ts'

test('parses what it formats', () => {
  const line = '25001=8080/http,25002=5432/tcp'
  expect(formatInbound(parseInbound(line))).toBe(line)
  expect(parseInbound('')).toEqual([])
})

test.each(['25001', '25001=8080', '0=1/http', '1=70000/http', '1=2/smtp', '1=2/http,1=3/http', '1=2/http,'])(
  '%j is refused with a sentence',
  (line) => {
    expect(() => parseInbound(line)).toThrow(/inbound port/)
  },
)

test.each([
  [{ appProtocol: 'kubernetes.io/h2c' }, 'http2'],
  [{ appProtocol: 'http', name: 'tcp-x' }, 'http'],
  [{ appProtocol: 'example.com/own' }, 'tcp'],
  [{ name: 'http-admin' }, 'http'],
  [{ name: 'grpc' }, 'grpc'],
  [{ name: 'postgres' }, 'tcp'],
  [{ name: 'web' }, 'auto'],
  [{}, 'auto'],
])('%j speaks %s', (port, protocol) => {
  expect(protocolOf(port)).toBe(protocol)
})
