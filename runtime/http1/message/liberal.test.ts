/**
 * Messages that break the grammar and still have only one meaning: they pass, and we send them on in the correct form.
 */
import * as http from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { app, hop, rawServer } from '../fixtures.ts'
import { parseRequestHead, parseResponseHead } from './head.ts'

import { writeRequestHead, writeResponseHead } from './edits.ts'
import { BODY } from './fields.ts'
import { cleanUp } from '../../testing/cleanups.ts'
import { RawClient } from '../../testing/raw-client.ts'
import { until } from '../../testing/until.ts'

afterEach(cleanUp)

const limits = { headerCount: 10 }

test('space before the colon of a response is removed, and the field counts', () => {
  const text = 'HTTP/1.1 200 O K : x\r\nX-Frame-Options \t: DENY : a\r\nTransfer-Encoding : chunked\r\n\r\n'
  const head = parseResponseHead(text, 'GET', limits)
  expect(head.body).toBe(BODY.chunked)
  expect(writeResponseHead(head, { connection: '', dechunk: false })).toBe(
    'HTTP/1.1 200 O K : x\r\nX-Frame-Options: DENY : a\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  const both = 'HTTP/1.1 200 OK\r\nContent-Length : 3\r\nTransfer-Encoding : chunked\r\n\r\n'
  expect(() => parseResponseHead(both, 'GET', limits)).toThrow(/both Content-Length and Transfer-Encoding/)
  for (const field of ['X Powered: y', ' : a', 'A: b\r\n C : d']) {
    expect(() => parseResponseHead(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n`, 'GET', limits)).toThrow(
      /not valid HTTP/,
    )
  }
  expect(() => parseRequestHead('GET / HTTP/1.1\r\nHost : x\r\n\r\n', limits)).toThrow(/0x20/)
})

test.each([
  ['a space before a colon', 'HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length : 3\r\n\r\nok\n'],
  [
    'spaces around an extension',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 ; a=b\r\nok\n\r\n0\r\n\r\n',
  ],
  ['padded sizes', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3   \r\nok\n\r\n0   \r\n\r\n'],
])('a response with %s: a strict client can read it', async (_, response) => {
  const to = await rawServer((socket) => socket.on('data', () => socket.write(response)))
  const { port } = await hop(to)
  const body = await new Promise((resolve, reject) => {
    http
      .get({ port, agent: false }, (response) => {
        let text = ''
        response.on('data', (data: Buffer) => (text += data.toString()))
        response.on('end', () => resolve(text))
      })
      .on('error', reject)
  })
  expect(body).toBe('ok\n')
})

test('padded chunks never reach a limit, however many there are', async () => {
  const to = await rawServer((socket) =>
    socket.on('data', () =>
      socket.write(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'1               \r\nx\r\n'.repeat(5_000)}0\r\n\r\n`,
      ),
    ),
  )
  const { port } = await hop(to)
  const client = new RawClient(port).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const text = await client.until((text) => text.endsWith('\r\n0\r\n\r\n'))
  expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe(`${'1\r\nx\r\n'.repeat(5_000)}0\r\n\r\n`)
})

test.each([
  ['204', 'OPTIONS', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['204 with a length', 'OPTIONS', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n'],
  ['304', 'GET', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
])(
  'the end of a body that a %s cannot have comes late: the next client is not harmed',
  async (_, method, response) => {
    const sockets: Socket[] = []
    const to = await rawServer((socket) => {
      sockets.push(socket)
      socket.on('data', (data) => {
        const wanted = data.toString('latin1').startsWith('POST')
          ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
          : response
        socket.write(wanted)
      })
    })
    const { port } = await hop(to, { limits: { poolUnsafeIdleMs: 60_000 } })
    const first = new RawClient(port).send(`${method} / HTTP/1.1\r\nHost: x\r\n\r\n`)
    await first.until((text) => text.includes('\r\n\r\n'))
    sockets[0]?.write('0\r\n\r\n')
    const second = new RawClient(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}')
    expect(await second.until((text) => text.endsWith('ok'))).toMatch(/^HTTP\/1\.1 200 /)
    expect(sockets).toHaveLength(2)
  },
)

test('a target with bytes above 0x7f passes unchanged; one with a fragment, a space or a control character does not', async () => {
  const targets: string[] = []
  const to = await rawServer((socket) =>
    socket.on('data', (data) => {
      targets.push(/^GET (.*) HTTP/.exec(data.toString('latin1'))?.[1] ?? '')
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    }),
  )
  const { port } = await hop(to)
  const utf8 = Buffer.from('/caf\u00e9?q=\u65e5\u672c').toString('latin1')
  await new RawClient(port)
    .send(`GET ${utf8} HTTP/1.1\r\nHost: x\r\n\r\n`)
    .until((text) => text.endsWith('ok'))
  await new RawClient(port)
    .send(`GET http://x${utf8} HTTP/1.1\r\nHost: x\r\n\r\n`)
    .until((text) => text.endsWith('ok'))
  expect(targets).toEqual([utf8, utf8])
  const head = parseRequestHead(`GET ${utf8} HTTP/1.1\r\nHost: x\r\n\r\n`, limits)
  expect(writeRequestHead(head, undefined)).toBe(`GET ${utf8} HTTP/1.1\r\nHost: x\r\n\r\n`)
  for (const target of ['/a#b', '/a b', '/a\x7f', '/a\x01', 'http://caf\u00e9/']) {
    expect(() => parseRequestHead(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`, limits)).toThrow(
      /target|version/,
    )
  }
})

test('a health check of HTTP/1.0 without a Host reaches the app unchanged', async () => {
  const heads: string[] = []
  const to = await rawServer((socket) =>
    socket.on('data', (data) => {
      heads.push(data.toString('latin1'))
      socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
    }),
  )
  const { port } = await hop(to)
  const text = await new RawClient(port).send('GET /health HTTP/1.0\r\n\r\n').ended()
  expect(text).toMatch(/^HTTP\/1\.1 200 OK[^]*ok$/)
  expect(heads).toEqual(['GET /health HTTP/1.0\r\n\r\n'])
})

test('an upgrade works after a request body, as docker exec sends it, and not within one', async () => {
  const { port: to, server } = await app((_, response) => response.end())
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    const switches = 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'
    if (request.url === '/early') {
      socket.write(switches)
      return
    }
    const length = Number(request.headers['content-length'])
    let text = head.toString()
    const read = (): void => {
      if (text.length < length) return
      socket.removeAllListeners('data')
      socket.write(`${switches}$ ${text.slice(0, length)} `)
      socket.on('data', (data: Buffer) => socket.write(`did ${data.toString()}`))
      if (text.length > length) socket.emit('data', Buffer.from(text.slice(length)))
    }
    socket.on('data', (data: Buffer) => {
      text += data.toString()
      read()
    })
    read()
  })
  const { port, reports } = await hop(to)
  const fields = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 13\r\n\r\n'
  const client = new RawClient(port).send(`POST /exec HTTP/1.1\r\n${fields}{"Tty":`).send('false}ls')
  await client.until((text) => text.endsWith('did ls'))
  expect(client.text).toContain('$ {"Tty":false} did ls')
  client.send('pwd')
  await client.until((text) => text.endsWith('did pwd'))
  const early = new RawClient(port).send(`POST /early HTTP/1.1\r\n${fields}{`)
  expect(await early.until((text) => text.includes('\n\r\n'))).toMatch(/^HTTP\/1\.1 502 /)
  await until(() => reports.length === 2)
  expect(reports[1]?.error?.message).toContain('it switches protocols in the middle of the request')
})
