/**
 * llhttp, Node's own parser, is the oracle: it accepts whatever the engine accepts, and reads the same method, target,
 * fields and body from what the engine sends on. Hand-written rules make the requests. They are right most of the time
 * and wrong in a place or two, and are split at random.
 */
import assert from 'node:assert'
import * as http from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { app, type Hop, hop } from '../fixtures.ts'
import { cleanUp } from '../../testing/cleanups.ts'
import { RawClient } from '../../testing/raw-client.ts'

interface Seen {
  method: string | undefined
  url: string | undefined
  fields: string[]
  body: string
}
let seen: Seen[] = []
let direct = 0
let through: Hop

beforeAll(async () => {
  const { port, server } = await app((request, response) => {
    let body = ''
    request.setEncoding('latin1')
    request.on('data', (part: string) => {
      body += part
    })
    request.on('end', () => {
      const { method, url, rawHeaders } = request
      const fields = rawHeaders.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text))
      seen.push({ method, url, fields, body })
      response.end('ok')
    })
  })
  server.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
    response.writeContinue()
    server.emit('request', request, response)
  })
  direct = port
  through = await hop(port, { limits: { requestProgressMs: 300, headMs: 300, halfCloseMs: 60_000 } })
})
afterAll(cleanUp)

const methods = http.METHODS.filter((method) => method !== 'CONNECT')
const often = <T>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 30, arbitrary: right }, { weight: 1, arbitrary: wrong })
const eol = often(fc.constant('\r\n'), fc.constantFrom('\n', '\r', '\r\r\n', '\r\n ', ''))
const name = often(
  fc.constantFrom('A', 'x-b', 'Cookie', 'X_Y', 'tracestate', "!#$%&'*+-.^_`|~"),
  fc.constantFrom('a b', '', 'ä', 'Content-Length', 'Transfer-Encoding', 'Host', 'a\0', 'a:', '"'),
)
const value = often(
  fc.constantFrom('', 'v', 'a, b', 'é', '"q"', 'x:y'),
  fc.constantFrom('a\0b', '\x7f', '1', 'chunked', 'a\rb'),
)
const field = fc
  .tuple(
    name,
    often(fc.constantFrom(':', ': ', ':\t '), fc.constantFrom(' :', '', '::')),
    value,
    fc.constantFrom('', ' ', '\t'),
    eol,
  )
  .map((parts) => parts.join(''))
const target = often(
  fc.constantFrom('/', '/a?b=c', '/%20|{}', '//x'),
  // Not bytes above 0x7f, which llhttp refuses: they pass unchanged, and the app decides (liberal.test.ts).
  fc.constantFrom('*', 'a', '/a b', '/#f', 'http://h/p', ''),
)
const start = fc
  .tuple(
    often(fc.constantFrom(...methods), fc.constantFrom('', 'GE T', 'G\0T')),
    often(fc.constant(' '), fc.constantFrom('  ', '\t')),
    target,
    often(fc.constant(' '), fc.constantFrom('  ', '')),
    often(fc.constant('HTTP/1.1'), fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ')),
    eol,
  )
  .map((parts) => parts.join(''))
const chunk = fc
  .tuple(
    fc.string({ minLength: 1, maxLength: 20, unit: 'binary-ascii' }),
    often(fc.constantFrom('', ';a', ';a=b', ';a="b c"'), fc.constantFrom(' ', ';', ';a=;', ' ;a', ';a\x01')),
    eol,
    eol,
  )
  .map(
    ([data, extension, first, second]) => `${data.length.toString(16)}${extension}${first}${data}${second}`,
  )
const body = fc.oneof(
  fc.constant('\r\n'),
  fc
    .tuple(fc.string({ maxLength: 40, unit: 'binary-ascii' }), often(fc.constant(0), fc.constantFrom(1, -1)))
    .map(([text, off]) => `Content-Length: ${text.length + off}\r\n\r\n${text}`),
  fc
    .tuple(
      often(
        fc.constantFrom('chunked', 'Chunked'),
        fc.constantFrom('gzip, chunked', 'chunked, chunked', 'xchunked'),
      ),
      fc.array(chunk, { maxLength: 4 }),
      often(
        fc.constantFrom('0\r\n\r\n', '0;x\r\nT: v\r\n\r\n'),
        fc.constantFrom('0\n\n', '0\r\nT : v\r\n\r\n', '00\r\n\r\n'),
      ),
    )
    .map(([coding, chunks, end]) => `Transfer-Encoding: ${coding}\r\n\r\n${chunks.join('')}${end}`),
)
const message = fc
  .tuple(
    start,
    often(fc.constant('Host: h.example\r\n'), fc.constantFrom('', 'Host: a b\r\n', 'Host: h:x\r\n')),
    fc.array(field, { maxLength: 4 }),
    body,
  )
  .map(([line, host, fields, rest]) => `${line}${host}${fields.join('')}${rest}`)

async function ask(
  port: number,
  text: string,
  cuts: readonly number[],
): Promise<{ response: string; seen: Seen[] }> {
  seen = []
  const client = new RawClient(port)
  let at = 0
  for (const cut of cuts) {
    client.send(text.slice(at, at + cut))
    at += cut
    await new Promise((resolve) => setImmediate(resolve))
  }
  client.send(text.slice(at))
  client.socket.end()
  const response = await client.ended()
  client.socket.destroy()
  return { response, seen }
}

const HOP = new Set(['connection', 'te', 'upgrade', 'keep-alive', 'transfer-encoding'])
const endToEnd = (fields: readonly string[]): string[] => {
  const out: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    if (!HOP.has(fields[i] as string)) out.push(`${fields[i]}: ${fields[i + 1]}`)
  }
  return out
}

test('llhttp accepts what the engine accepts, and reads the same', async () => {
  let accepted = 0
  let refused = 0
  await fc.assert(
    fc.asyncProperty(
      message,
      fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 3 }),
      async (text, cuts) => {
        const ours = await ask(through.port, text, cuts)
        // A response of the upstream itself other than 200 means that we accepted what llhttp refuses.
        const disagreed = through.reports.filter(({ status, error }) => status !== 200 && error === undefined)
        through.reports.length = 0
        assert.deepEqual(
          disagreed.map(({ status }) => status),
          [],
        )
        if (!ours.response.startsWith('HTTP/1.1 200 ')) {
          refused++
          // If refused: at most a request that was complete before the fault got through, never one made of the rest.
          assert.ok(ours.seen.length <= 1)
          return
        }
        accepted++
        const theirs = await ask(direct, text, [])
        expect(theirs.seen.length).toBeGreaterThanOrEqual(1)
        expect(
          ours.seen.map(({ method, url, body }) => ({ method, url: url?.replace(/^http:\/\/h/, ''), body })),
        ).toEqual(
          theirs.seen
            .slice(0, ours.seen.length)
            .map(({ method, url, body }) => ({ method, url: url?.replace(/^http:\/\/h/, ''), body })),
        )
        if (/ (?:http:|HTTP\/1\.0)/.test(text) || /HTTP\/1\.0/.test(text)) return
        expect(ours.seen.map(({ fields }) => endToEnd(fields))).toEqual(
          theirs.seen.slice(0, ours.seen.length).map(({ fields }) => endToEnd(fields)),
        )
      },
    ),
    { numRuns: 1000 },
  )
  expect(Math.min(accepted, refused)).toBeGreaterThan(100)
})

test('a whole exchange is the same, split at every byte', async () => {
  const text =
    'POST /p?q HTTP/1.1\r\nHost: h\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n' +
    'GET /next HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc'
  const whole = await ask(through.port, text, [])
  expect(whole.seen.map(({ url, body }) => [url, body])).toEqual([
    ['/p?q', 'hello!'],
    ['/next', 'abc'],
  ])
  for (let cut = 1; cut < text.length; cut++)
    expect((await ask(through.port, text, [cut])).seen).toEqual(whole.seen)
})
