import fc from 'fast-check'
import { expect, test } from 'vitest'
import { writeRequestHead, writeResponseHead } from './edits.ts'
import type { HttpError } from '../../proxy/errors.ts'
import { BODY } from './fields.ts'
import { isValueChar } from '../../proxy/grammar.ts'
import { parseRequestHead, parseResponseHead } from './head.ts'
import { HeadReader } from './head-reader.ts'
import { latin1 } from '../../transport/node-private.ts'

const limits = { headerCount: 8 }
const request = (text: string) => parseRequestHead(text, limits)
const response = (text: string, method = 'GET') => parseResponseHead(text, method, limits)

test('a request head is read as received', () => {
  const head = request(
    'POST /a?b HTTP/1.1\r\nHost: x:80\r\nX-A:1\r\nx-a: \t 2 3 \t\r\nEmpty:\r\nContent-Length: 7\r\n\r\n',
  )
  expect(head).toMatchObject({ method: 'POST', target: '/a?b', version: 11, host: 'x:80', keepAlive: true })
  expect([head.body, head.length]).toEqual([BODY.length, 7])
  expect(head.get('x-a')).toBe('1, 2 3')
  expect(head.get('empty')).toBe('')
  expect(head.get('x')).toBeUndefined()
  expect(head.entries()[1]).toEqual(['X-A', '1'])
})

const H = 'Host: x\r\n'
test.each([
  ['no method', ' / HTTP/1.1\r\n\r\n', 400],
  ['two spaces', `GET  / HTTP/1.1\r\n${H}\r\n`, 400],
  ['a tab instead of a space', `GET\t/ HTTP/1.1\r\n${H}\r\n`, 400],
  ['a target with a fragment', `GET /#a HTTP/1.1\r\n${H}\r\n`, 400],
  ['a target without a slash', `GET a HTTP/1.1\r\n${H}\r\n`, 400],
  ['a foreign scheme', `GET ftp://x/ HTTP/1.1\r\n${H}\r\n`, 400],
  ['user information', `GET http://u@x/ HTTP/1.1\r\n${H}\r\n`, 400],
  ['an asterisk for GET', `GET * HTTP/1.1\r\n${H}\r\n`, 400],
  ['CONNECT', `CONNECT x:1 HTTP/1.1\r\n${H}\r\n`, 501],
  ['HTTP/2.0', 'PRI * HTTP/2.0\r\n\r\n', 505],
  ['HTTP/1.2', `GET / HTTP/1.2\r\n${H}\r\n`, 505],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['http/1.1 in lower case', `GET / http/1.1\r\n${H}\r\n`, 400],
  ['more text after the version', `GET / HTTP/1.1 \r\n${H}\r\n`, 400],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', `GET / HTTP/1.1\r\n${H}${H}\r\n`, 400],
  ['Host with a path', 'GET / HTTP/1.1\r\nHost: x/y\r\n\r\n', 400],
  ['Host with user information', 'GET / HTTP/1.1\r\nHost: a@x\r\n\r\n', 400],
  ['Host with two values', 'GET / HTTP/1.1\r\nHost: x, y z\r\n\r\n', 400],
  ['Host with a large port', 'GET / HTTP/1.1\r\nHost: x:65536\r\n\r\n', 400],
  ['Host with two colons', 'GET / HTTP/1.1\r\nHost: ::1\r\n\r\n', 400],
  ['Host with too many groups', 'GET / HTTP/1.1\r\nHost: [1:2:3:4:5:6:7:8:9]\r\n\r\n', 400],
  ['Host with IPv4 in brackets', 'GET / HTTP/1.1\r\nHost: [127.0.0.1]\r\n\r\n', 400],
  ['Host with an incomplete percent encoding', 'GET / HTTP/1.1\r\nHost: a%2\r\n\r\n', 400],
  ['Host with a backslash', 'GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n', 400],
  ['Max-Forwards that is not a number', `OPTIONS * HTTP/1.1\r\n${H}Max-Forwards: -1\r\n\r\n`, 400],
  ['two Max-Forwards', `TRACE / HTTP/1.1\r\n${H}${'Max-Forwards: 1\r\n'.repeat(2)}\r\n`, 400],
  ['space before the colon', `GET / HTTP/1.1\r\n${H}A : b\r\n\r\n`, 400],
  ['a first line that begins with a space', `GET / HTTP/1.1\r\n ${H}\r\n`, 400],
  ['obs-fold', `GET / HTTP/1.1\r\n${H}A: b\r\n c\r\n\r\n`, 400],
  ['no colon', `GET / HTTP/1.1\r\n${H}A\r\n\r\n`, 400],
  ['no name', `GET / HTTP/1.1\r\n${H}: b\r\n\r\n`, 400],
  ['NUL in a value', `GET / HTTP/1.1\r\n${H}A: b\0c\r\n\r\n`, 400],
  ['bare CR in a value', `GET / HTTP/1.1\r\n${H}A: b\rc\r\n\r\n`, 400],
  ['bare LF in a value', `GET / HTTP/1.1\r\n${H}A: b\nc: d\r\n\r\n`, 400],
  ['DEL in a value', `GET / HTTP/1.1\r\n${H}A: \x7f\r\n\r\n`, 400],
  ['too many fields', `GET / HTTP/1.1\r\n${H}${'A: b\r\n'.repeat(8)}\r\n`, 431],
])('refused: %s', (_, text, status) => {
  expect(() => request(text)).toThrow(expect.objectContaining<Partial<HttpError>>({ status }))
})

test.each([
  ['example.org', true],
  ['EXAMPLE.org:8080', true],
  ['[::1]:80', true],
  ['x:', true],
  ['', true],
])('Host %s is valid', (host) => {
  expect(request(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).host).toBe(host)
})

test('an absolute target becomes the origin form and the Host', () => {
  const head = request('GET http://a.b:1?q HTTP/1.1\r\nHost: forged\r\nA: b\r\n\r\n')
  expect([head.target, head.host]).toEqual(['/?q', 'a.b:1'])
  expect(writeRequestHead(head, undefined)).toBe('GET /?q HTTP/1.1\r\nhost: a.b:1\r\nA: b\r\n\r\n')
  expect(request('OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n').target).toBe('*')
})

test('an upgrade passes, also with a body; an upgrade to h2c does not', () => {
  const upgrade = (protocol: string, more = '') =>
    request(
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: a\r\n${more}\r\n`,
    )
  expect(writeRequestHead(upgrade('websocket'), undefined)).toBe(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nconnection: upgrade\r\n\r\n',
  )
  expect(upgrade('tcp', 'Content-Length: 1\r\n')).toMatchObject({ upgrade: 'tcp', body: BODY.length })
  for (const head of [upgrade('h2c'), upgrade('websocket, h2c')]) {
    expect(head.upgrade).toBeUndefined()
    expect(writeRequestHead(head, undefined)).not.toMatch(/upgrade|settings/i)
  }
})

test.each([
  ['Max-Forwards of an OPTIONS decreases', 'OPTIONS', 'Max-Forwards: 3\r\n', 'max-forwards: 2\r\n'],
  ['Max-Forwards of a GET is unchanged', 'GET', 'Max-Forwards: 3\r\n', 'Max-Forwards: 3\r\n'],
  ['only trailers passes in TE', 'GET', 'TE: gzip;q=0.5, trailers\r\n', 'connection: te\r\nte: trailers\r\n'],
  ['TE for one hop is not forwarded', 'GET', 'TE: gzip\r\nConnection: TE\r\n', ''],
])('%s', (_, method, fields, wanted) => {
  const head = request(`${method} / HTTP/1.1\r\n${H}${fields}\r\n`)
  expect(writeRequestHead(head, undefined)).toBe(`${method} / HTTP/1.1\r\n${H}${wanted}\r\n`)
})

test('an upgrade with TE has both in one Connection field; HTTP/1.0 has no trailers', () => {
  const upgrade = request(
    `GET / HTTP/1.1\r\n${H}Connection: upgrade, te\r\nUpgrade: websocket\r\nTE: trailers\r\n\r\n`,
  )
  expect(writeRequestHead(upgrade, undefined)).toBe(
    `GET / HTTP/1.1\r\n${H}Upgrade: websocket\r\nconnection: upgrade, te\r\nte: trailers\r\n\r\n`,
  )
  expect(request(`GET / HTTP/1.0\r\n${H}TE: trailers\r\n\r\n`).trailers).toBe(false)
})

test('Via adds us after earlier proxies', () => {
  const head = request(`GET / HTTP/1.1\r\n${H}Via: 1.0 fred\r\n\r\n`)
  expect(writeRequestHead(head, undefined, 'via: 1.1 us\r\n')).toBe(
    `GET / HTTP/1.1\r\n${H}Via: 1.0 fred\r\nvia: 1.1 us\r\n\r\n`,
  )
})

test.each([
  ['timeout=5', 4000],
  ['timeout=5, max=100', 4000],
  ['max=3,timeout=0', 0],
  ['timeout=', Number.POSITIVE_INFINITY],
  ['max=3', Number.POSITIVE_INFINITY],
])('Keep-Alive: %s is kept for %d ms', (hint, keptMs) => {
  expect(response(`HTTP/1.1 200 OK\r\nKeep-Alive: ${hint}\r\nContent-Length: 0\r\n\r\n`).keptMs).toBe(keptMs)
})

test('edits apply once, and cannot add lines', () => {
  const head = request('GET / HTTP/1.1\r\nA: 1\r\nHost: x\r\nB: 2\r\na: 3\r\nC-1: 4\r\nC-2: 5\r\n\r\n')
  const edits = { remove: ['b', 'host'], removePrefix: ['c-'], set: [['a', '9']] } as const
  expect(writeRequestHead(head, edits)).toBe('GET / HTTP/1.1\r\nHost: x\r\na: 9\r\n\r\n')
  expect(() => writeRequestHead(head, { set: [['a', 'b\r\nc: d']] })).toThrow(RangeError)
  expect(() => writeRequestHead(head, { set: [['a b', 'c']] })).toThrow(RangeError)
})

test('HTTP/1.0 becomes HTTP/1.1 upstream where it has a Host, and stays what it is where it has none', () => {
  const hosted = request(`GET / HTTP/1.0\r\n${H}Expect: 100-continue\r\n\r\n`)
  expect(hosted.keepAlive).toBe(false)
  expect(writeRequestHead(hosted, undefined)).toBe(`GET / HTTP/1.1\r\n${H}\r\n`)
  const hostless = request('GET / HTTP/1.0\r\nExpect: 100-continue\r\nA: b\r\n\r\n')
  expect(writeRequestHead(hostless, undefined)).toBe('GET / HTTP/1.0\r\nA: b\r\n\r\n')
  const absolute = request('GET http://y/ HTTP/1.0\r\n\r\n')
  expect(writeRequestHead(absolute, undefined)).toBe('GET / HTTP/1.1\r\nhost: y\r\n\r\n')
})

test('response heads: status, framing, persistence', () => {
  expect(response('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n')).toMatchObject({
    status: 200,
    body: BODY.length,
    keepAlive: true,
  })
  expect(response('HTTP/1.1 200\r\n\r\n')).toMatchObject({ status: 200, body: BODY.close, keepAlive: false })
  expect(response('HTTP/1.0 200 \r\nContent-Length: 0\r\n\r\n')).toMatchObject({
    body: BODY.none,
    keepAlive: false,
  })
  expect(response('HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n').body).toBe(BODY.chunked)
  expect(response('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n', 'HEAD').body).toBe(BODY.none)
  expect(response('HTTP/1.1 304 N\r\nContent-Length: 3\r\n\r\n').body).toBe(BODY.none)
})

test.each([
  ['HTTP/2 200 OK\r\n\r\n'],
  ['HTTP/1.1 20 OK\r\n\r\n'],
  ['HTTP/1.1 099 OK\r\n\r\n'],
  ['HTTP/1.1 2000 OK\r\n\r\n'],
  ['HTTP/1.1 200 O\0K\r\n\r\n'],
  ['\r\nHTTP/1.1 200 OK\r\n\r\n'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
  ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n'],
])('a bad response causes a 502: %j', (text) => {
  expect(() => response(text)).toThrow(expect.objectContaining({ status: 502, code: 'BL_HTTP_BAD_RESPONSE' }))
})

test('a response is written without the fields for one hop', () => {
  const head = response(
    'HTTP/1.0 200 Fine\r\nConnection: x-n\r\nX-N: 1\r\nKeep-Alive: a\r\nTransfer: b\r\nContent-Length: 1\r\n\r\n',
  )
  expect(writeResponseHead(head, { connection: 'close', dechunk: false })).toBe(
    'HTTP/1.1 200 Fine\r\nTransfer: b\r\nContent-Length: 1\r\nconnection: close\r\n\r\n',
  )
  const upgradeRequired = response(
    'HTTP/1.1 426 U\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n',
  )
  expect(writeResponseHead(upgradeRequired, { connection: '', dechunk: false })).toContain(
    'Upgrade: websocket\r\n',
  )
})

test('a head is the same at every split, and the bytes after it remain', () => {
  const text = '\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n'
  const bytes = Buffer.from(`${text}rest`)
  for (let split = 0; split <= text.length; split++) {
    const reader = new HeadReader(true)
    const first = split === 0 ? -1 : reader.read(bytes.subarray(0, split), 0, 1000)
    const end = first === -1 ? split + reader.read(bytes.subarray(split), 0, 1000) : first
    expect([reader.text, end]).toEqual([text.slice(2), text.length])
    const source = reader.source(split === text.length ? bytes.subarray(0, split) : bytes.subarray(split))
    expect(latin1(source, reader.start, reader.start + reader.text.length)).toBe(reader.text)
    expect(parseRequestHead(reader.text, limits, source, reader.start).entries()).toEqual([['Host', 'x']])
    expect(reader.started).toBe(false)
  }
})

test('the end of a head is found at the position that a search finds', () => {
  const endOf = (text: string): number => {
    try {
      return new HeadReader(false).read(Buffer.from(text), 0, 1000)
    } catch (error) {
      return -(error as HttpError).status
    }
  }
  fc.assert(
    fc.property(fc.array(fc.constantFrom('\r', '\n', '\r\n', 'a'), { maxLength: 24 }), (parts) => {
      const text = `a${parts.join('')}`
      const end = text.indexOf('\r\n\r\n')
      expect(end === -1 ? [-1, -400] : [end + 4]).toContain(endOf(text))
    }),
  )
})

test('a value contains every byte that the grammar permits, and no other', () => {
  const passes = (code: number): boolean => {
    try {
      const character = String.fromCharCode(code)
      return request(`GET / HTTP/1.1\r\nHost: x\r\na: b${character}c\r\n\r\n`).get('a') === `b${character}c`
    } catch {
      return false
    }
  }
  const codes = Array.from({ length: 256 }, (_, code) => code)
  expect(codes.filter(passes)).toEqual(codes.filter(isValueChar))
})

test('bytes that can never become a head are refused before its end; a large head gets a 431 or 414', () => {
  const read = (text: string) => () => new HeadReader(true).read(Buffer.from(text, 'latin1'), 0, 100)
  expect(read('\x16\x03\x01')).toThrow(expect.objectContaining({ status: 400 }))
  expect(read('GET / HTTP/1.1\nHost: x\n\n')).toThrow(expect.objectContaining({ status: 400 }))
  expect(read(`GET / HTTP/1.1\r\nA: ${'b'.repeat(100)}`)).toThrow(expect.objectContaining({ status: 431 }))
  expect(read(`GET /${'b'.repeat(100)}`)).toThrow(expect.objectContaining({ status: 414 }))
  expect(read(`GET / HTTP/1.1\r\nA: ${'b'.repeat(100)}\r\n\r\n`)).toThrow(
    expect.objectContaining({ status: 431 }),
  )
  expect(read('\r\n'.repeat(20))).toThrow(expect.objectContaining({ status: 400 }))
})

test('an edit covers every name that a CGI-style server reads as it', () => {
  const head = request(
    `GET / HTTP/1.1\r\n${H}x_gone: 1\r\nX.All_a: 1\r\nX_Request-Id: theirs\r\nx_kept: 1\r\n\r\n`,
  )
  const edits = { remove: ['x-gone'], removePrefix: ['x-all-'], set: [['x-request-id', 'ours']] as const }
  expect(writeRequestHead(head, edits)).toBe(`GET / HTTP/1.1\r\n${H}x_kept: 1\r\nx-request-id: ours\r\n\r\n`)
})

test('an edit of the target replaces only the target, and cannot add a line', () => {
  const written = (text: string, target: string) => writeRequestHead(request(text), { target })
  const fields = `${H}A: 1\r\n\r\n`
  expect(written(`GET /a?secret=1&b HTTP/1.1\r\n${fields}`, '/a?b')).toBe(`GET /a?b HTTP/1.1\r\n${fields}`)
  expect(written('GET http://y/a HTTP/1.1\r\nHost: x\r\n\r\n', '/b')).toBe(
    'GET /b HTTP/1.1\r\nhost: y\r\n\r\n',
  )
  expect(written('GET /a HTTP/1.0\r\n\r\n', '/b')).toBe('GET /b HTTP/1.0\r\n\r\n')
  for (const target of ['', 'b', '/b c', '/b\r\nX: y', '/\u0120'])
    expect(() => written(`GET /a HTTP/1.1\r\n${fields}`, target)).toThrow(RangeError)
})

test('an edit replaces the host, and adds fields next to those of the same name', () => {
  const written = (text: string, host: string) => writeRequestHead(request(text), { host, add: [['a', '2']] })
  expect(written(`GET /a HTTP/1.1\r\nHost: x\r\nA: 1\r\n\r\n`, 'y:1')).toBe(
    'GET /a HTTP/1.1\r\nhost: y:1\r\nA: 1\r\na: 2\r\n\r\n',
  )
  expect(written('GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n', 'y')).toBe(
    'GET /a HTTP/1.1\r\nhost: y\r\na: 2\r\n\r\n',
  )
  expect(written('GET /a HTTP/1.0\r\n\r\n', 'y')).toBe('GET /a HTTP/1.1\r\nhost: y\r\na: 2\r\n\r\n')
  for (const host of ['y z', 'y\r\nb: 1', 'u@y'])
    expect(() => written('GET /a HTTP/1.1\r\nHost: x\r\n\r\n', host)).toThrow(RangeError)
})
