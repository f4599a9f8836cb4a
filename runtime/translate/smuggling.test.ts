/**
 * Attack: a client of HTTP/2 puts CR and LF, a Transfer-Encoding or a wrong Content-Length into its head. HTTP/2 allows
 * any bytes there, and a gateway that writes them into HTTP/1.1 sends a second request, which it never routed (H2.CL,
 * H2.TE, request splitting). nghttp2 refuses most of these, but we do not rely on that.
 * Fix: framing fields are written from the stream alone, and the strict parser of HTTP/1.1 reads the result. It must find
 * exactly the fields that were written.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readRequestHead } from '../http2/head.ts'
import { translateHead } from './request-head.ts'

const LIMITS = { headerCount: 128 }
const PSEUDO = { ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'web.example' }

/** The text that is sent for a stream with these fields. Undefined if it is refused. */
function sent(
  fields: readonly (readonly [string, string])[],
  pseudo: object = {},
  endStream = true,
): string | undefined {
  const list = [...Object.entries<string>({ ...PSEUDO, ...pseudo }), ...fields].flat()
  try {
    return translateHead(readRequestHead(list, endStream, 100_000), endStream, LIMITS).text
  } catch {
    return undefined
  }
}

const EVIL = 'x\r\n\r\nGET /admin HTTP/1.1\r\nhost: evil\r\n\r\n'

describe('these are refused:', () => {
  test.each([
    ['CR and LF in a value', [['x-a', EVIL]], {}],
    ['a single LF in a value', [['x-a', 'b\nx-b: c']], {}],
    ['CR and LF in a name', [['x-a: b\r\nx-b', 'c']], {}],
    ['a colon in a name', [['x-a:b', 'c']], {}],
    ['CR and LF in the path', [], { ':path': '/ HTTP/1.1\r\nx-a: b\r\nx-b: /' }],
    ['a space in the path', [], { ':path': '/a HTTP/1.1' }],
    ['a fragment in the path', [], { ':path': '/a#b' }],
    ['an absolute path', [], { ':path': 'http://evil/' }],
    ['a path without a slash', [], { ':path': 'a' }],
    ['CR and LF in the method', [], { ':method': 'GET / HTTP/1.1\r\nx-a: b\r\nGET' }],
    ['CR and LF in the authority', [], { ':authority': 'a\r\nx-a: b' }],
    ['CR and LF in a cookie', [['cookie', EVIL]], {}],
    ['CR and LF in the length', [['content-length', '0\r\nx-a: b']], {}],
    [
      'two lengths',
      [
        ['content-length', '1'],
        ['content-length', '1'],
      ],
      {},
    ],
    ['a length without a body', [['content-length', '5']], {}],
  ] as [string, [string, string][], object][])('%s', (_what, fields, pseudo) => {
    expect(sent(fields, pseudo)).toBeUndefined()
  })
})

test('framing fields of a client are never sent', () => {
  const fields = [
    ['transfer-encoding', 'chunked'],
    ['connection', 'x-kept'],
    ['upgrade', 'websocket'],
    ['keep-alive', 'timeout=5'],
    ['host', 'other.example'],
    ['te', 'gzip'],
    ['x-kept', '1'],
  ] as const
  expect(sent(fields)).toBe('GET / HTTP/1.1\r\nhost: web.example\r\nx-kept: 1\r\n\r\n')
})

test('whatever the fields are, the request is refused or its parser reads exactly one head with these fields', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', ':', ' ', '\r', '\n', '\r\n', '\t', '\0', 'é', ',', ';', '='),
  })
  const name = fc.oneof(
    text,
    fc.constantFrom('x-a', 'content-length', 'transfer-encoding', 'host', 'cookie', 'te'),
  )
  const fields = fc.array(fc.tuple(name, text), { maxLength: 6 })
  fc.assert(
    fc.property(fields, text, text, fc.boolean(), (list, path, method, endStream) => {
      const out = sent(list, { ':path': `/${path}`, ':method': method }, endStream)
      if (out === undefined) return
      const lines = out.split('\r\n')
      expect(lines.slice(-2)).toEqual(['', ''])
      const body = lines.filter((line) => /^(?:transfer-encoding|content-length):/i.test(line))
      expect(body.length).toBeLessThanOrEqual(1)
      expect(lines.filter((line) => /^host:/i.test(line))).toHaveLength(1)
      expect(lines[0]).toBe(`${method} /${path} HTTP/1.1`)
    }),
    { numRuns: 2_000 },
  )
})
