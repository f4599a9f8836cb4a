import * as http from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { app, hop, rawServer } from './fixtures.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { parsePseudonym } from './message/via.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const echo: http.RequestListener = (request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    response.setHeader('content-type', 'application/json')
    const body = Buffer.concat(parts).toString('latin1')
    response.end(
      JSON.stringify({
        method: request.method,
        url: request.url,
        headers: request.headers,
        body,
        trailers: request.trailers,
      }),
    )
  })
}
interface Echo {
  method: string
  url: string
  headers: Record<string, string>
  body: string
  trailers: Record<string, string>
}
const bodyOf = (text: string): Echo => JSON.parse(text.slice(text.lastIndexOf('\r\n\r\n') + 4)) as Echo

test('a request passes with its edits and without hop-by-hop fields; the connection is kept', async () => {
  const { port } = await app(echo)
  const target = tcpUpstream('127.0.0.1', port)
  const { port: at, reports } = await hop((head) => ({
    candidates: [
      {
        upstream: target,
        edits: {
          remove: ['x-b'],
          removePrefix: ['x-branchline-'],
          set: [['x-new', head.get('x-a') ?? 'none']],
        },
        responseEdits: { set: [['x-seen', 'yes']] },
      },
    ],
  }))
  const client = new RawClient(at)
  client.send(
    'GET /a?b HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\nX-B: 3\r\nX-Branchline-Routed: e\r\nX-NEW: old\r\n' +
      'Connection: keep-alive, x-nominated, host\r\nX-Nominated: n\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n' +
      'Proxy-Authorization: secret\r\nProxy-Connection: x\r\n\r\n',
  )
  const text = await client.until((text) => text.endsWith('}'))
  expect(bodyOf(text)).toMatchObject({ method: 'GET', url: '/a?b' })
  expect(bodyOf(text).headers).toEqual({
    host: 'x',
    'x-a': '1, 2',
    'x-new': '1, 2',
    connection: 'te',
    te: 'trailers',
  })
  expect(text).toContain('x-seen: yes\r\n')
  expect(text).not.toMatch(/^(?:connection|keep-alive):/im)
  client.text = ''
  client.send('HEAD /h HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n')
  const second = await client.until((text) => text.endsWith('}'))
  expect(second.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2)
  expect(bodyOf(second).url).toBe('/next')
  expect(reports.map(({ status, candidate }) => [status, candidate])).toEqual([
    [200, 0],
    [200, 0],
    [200, 0],
  ])
})

test('bodies pass by length and by chunks, with extensions and trailers', async () => {
  const { port } = await app(echo)
  const { port: at } = await hop(port)
  const client = new RawClient(at)
  client.send('POST /l HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe').send('llo')
  expect(bodyOf(await client.until((text) => text.endsWith('}'))).body).toBe('hello')
  client.text = ''
  client.send(
    'POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: x-t\r\n\r\n' +
      '5;a=b;c="d"\r\nhello\r\n1\r\n!\r\n0\r\nX-T: v\r\n\r\n',
  )
  const chunked = bodyOf(await client.until((text) => text.endsWith('}')))
  expect(chunked).toMatchObject({ body: 'hello!', trailers: { 'x-t': 'v' } })
})

test('pipelined requests get their responses in order', async () => {
  const { port } = await app((request, response) => {
    setTimeout(() => response.end(`<${request.url ?? ''}>`), request.url === '/0' ? 30 : 0)
  })
  const { port: at } = await hop(port)
  const client = new RawClient(at)
  client.send(Array.from({ length: 20 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
  const text = await client.until((text) => text.endsWith('</19>'))
  expect([...text.matchAll(/<\/(\d+)>/g)].map((match) => Number(match[1]))).toEqual([...Array(20).keys()])
})

test('100-continue and 103 pass, and then the response', async () => {
  const { port, server } = await app(echo)
  server.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' })
    response.writeContinue()
    echo(request, response)
  })
  const { port: at } = await hop(port)
  const client = new RawClient(at)
  client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n')
  const interim = await client.until((text) => text.includes('100 Continue\r\n\r\n'))
  expect(interim).toContain('HTTP/1.1 103 Early Hints\r\n')
  client.send('abc')
  expect(bodyOf(await client.until((text) => text.endsWith('}'))).body).toBe('abc')
})

test('HTTP/1.0: closes by default, keeps alive when asked, gets no chunks', async () => {
  const { port } = await app((_, response) => {
    response.write('a')
    response.end('bc')
  })
  const { port: at } = await hop(port)
  const client = new RawClient(at).send('GET / HTTP/1.0\r\nHost: x\r\n\r\n')
  const text = await client.ended()
  expect(text).toMatch(/\r\n\r\nabc$/)
  expect(text).not.toMatch(/transfer-encoding/i)
  const fixed = await app((_, response) => response.end('abc'))
  const other = await hop(fixed.port)
  const keeper = new RawClient(other.port)
  keeper.send('GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n')
  expect(await keeper.until((text) => text.endsWith('abc'))).toContain('connection: keep-alive\r\n')
  keeper.text = ''
  keeper.send('GET / HTTP/1.0\r\nHost: x\r\n\r\n')
  expect(await keeper.ended()).toMatch(/connection: close\r\n[^]*abc$/)
})

test('absolute form: the target determines the authority, not Host', async () => {
  const { port } = await app(echo)
  const { port: at } = await hop(port)
  const client = new RawClient(at).send('GET http://real.example:81/p?q HTTP/1.1\r\nHost: forged\r\n\r\n')
  const { url, headers } = bodyOf(await client.until((text) => text.endsWith('}')))
  expect([url, headers['host']]).toEqual(['/p?q', 'real.example:81'])
})

test('a response that ends with its connection passes and ends the connection to the client', async () => {
  const port = await rawServer((socket) => {
    socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\nServer: old\r\n\r\nall of it'))
  })
  const { port: at, reports } = await hop(port)
  const text = await new RawClient(at).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').ended()
  expect(text).toBe('HTTP/1.1 200 OK\r\nServer: old\r\nconnection: close\r\n\r\nall of it')
  expect(reports[0]).toMatchObject({ status: 200, responseBytes: 9, error: undefined })
})

test('204 and 304 have no body, regardless of their fields', async () => {
  const port = await rawServer((socket) => {
    socket.on('data', (data) => {
      const status = data.toString().includes('/304') ? '304 Not Modified' : '204 No Content'
      socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\n`)
    })
  })
  const { port: at } = await hop(port)
  const client = new RawClient(at).send(
    'GET /204 HTTP/1.1\r\nHost: x\r\n\r\nGET /304 HTTP/1.1\r\nHost: x\r\n\r\n',
  )
  const text = await client.until((text) => text.includes('304'))
  expect(text).toBe('HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n')
})

test('a half-closed client gets its response', async () => {
  const { port } = await app((_, response) => setTimeout(() => response.end('late'), 20))
  const { port: at } = await hop(port, { limits: { halfCloseMs: 60_000 } })
  const client = new RawClient(at).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  client.socket.end()
  expect(await client.ended()).toMatch(/late$/)
})

test('if no candidate serves, another decision may come later, and the body is still whole', async () => {
  const { port } = await app(echo)
  const alive = tcpUpstream('127.0.0.1', port)
  const dead = tcpUpstream('127.0.0.1', 1)
  const codes: string[] = []
  const { port: at } = await hop(() => ({
    candidates: [{ upstream: dead }],
    otherwise: (error) => {
      codes.push(error.code)
      return new Promise((resolve) => setImmediate(() => resolve({ candidates: [{ upstream: alive }] })))
    },
  }))
  const client = new RawClient(at)
  // The second request finds a pooled connection.
  for (const body of ['one', 'two']) {
    client.send(`POST /${body} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n${body}`)
    await client.until((text) => text.includes(`"body":"${body}"`))
  }
  expect(codes).toEqual(['BL_HTTP_UPSTREAM_UNREACHABLE', 'BL_HTTP_UPSTREAM_UNREACHABLE'])
})

test('candidates are tried in order; after the last, the failure hook makes a 502', async () => {
  const { port } = await app(echo)
  const dead = await rawServer(() => {})
  await cleanUp()
  const alive = await app(echo)
  expect(port).not.toBe(0)
  const refused = { upstream: tcpUpstream('127.0.0.1', dead) }
  const { port: at, reports } = await hop(
    (head) => ({
      candidates:
        head.target === '/none'
          ? [refused, refused]
          : [
              refused,
              { upstream: tcpUpstream('127.0.0.1', alive.port), edits: { set: [['x-second', '1']] } },
            ],
    }),
    { failure: (error) => ({ status: error.status, headers: [['x-code', error.code]], body: 'page' }) },
  )
  const client = new RawClient(at).send('POST /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi')
  const { body, headers } = bodyOf(await client.until((text) => text.endsWith('}')))
  expect([body, headers['x-second']]).toEqual(['hi', '1'])
  client.text = ''
  client.send('GET /none HTTP/1.1\r\nHost: x\r\n\r\n')
  const text = await client.until((text) => text.endsWith('page'))
  expect(text).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\nx-code: BL_HTTP_UPSTREAM_UNREACHABLE\r\n/)
  expect(reports.map(({ candidate, status, error }) => [candidate, status, error?.code])).toEqual([
    [1, 200, undefined],
    [1, 502, 'BL_HTTP_UPSTREAM_UNREACHABLE'],
  ])
})

test('replies of our own, from plain and from promised decisions', async () => {
  const { port } = await hop((head) => {
    const reply = { status: 404, headers: [['x-y', 'z']] as const, body: `no ${head.target} ä` }
    if (head.target === '/throw') throw new Error('wrong')
    return head.target === '/later' ? Promise.resolve(reply) : reply
  })
  const client = new RawClient(port)
  client.send(
    'GET /now HTTP/1.1\r\nHost: x\r\n\r\nHEAD /h HTTP/1.1\r\nHost: x\r\n\r\nGET /later HTTP/1.1\r\nHost: x\r\n\r\n' +
      'GET /throw HTTP/1.1\r\nHost: x\r\n\r\n',
  )
  const text = await client.until((text) => text.includes('500'))
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])
  expect(statuses).toEqual(['404', '404', '404', '500'])
  expect(Buffer.from(text, 'latin1').toString()).toContain('no /now ä')
  expect(text).toContain('content-length: 10\r\n')
})

test('Via carries our pseudonym and the version of the received message', async () => {
  const { port } = await app(echo)
  const { port: at } = await hop(port, { via: 'branchline' })
  const client = new RawClient(at).send('GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n')
  expect(bodyOf(await client.until((text) => text.endsWith('}'))).headers['via']).toBe('1.0 branchline')
  client.text = ''
  client.send('GET / HTTP/1.1\r\nHost: x\r\nVia: 1.1 first\r\n\r\n')
  const second = bodyOf(await client.until((text) => text.endsWith('}')))
  expect(second.headers['via']).toBe('1.1 first, 1.1 branchline')
  await expect(hop(port, { via: 'two words' })).rejects.toThrow(RangeError)
})

test('a pseudonym is a token, so that a setting cannot add a field', () => {
  expect([parsePseudonym(''), parsePseudonym('branchline'), parsePseudonym('a.b-1')]).toEqual([
    undefined,
    'branchline',
    'a.b-1',
  ])
  for (const text of ['two words', 'a\r\nb: c', 'ä', 'a(b)', 'x'.repeat(65)]) {
    expect(() => parsePseudonym(text)).toThrow(/wanted a token/)
  }
})

test('Max-Forwards: 0 ends here, for OPTIONS and TRACE', async () => {
  const { port: at } = await hop(() => {
    throw new Error('unexpected call')
  })
  const client = new RawClient(at).send('OPTIONS * HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\n\r\n')
  expect(await client.until((text) => text.includes('\r\n\r\n'))).toMatch(/^HTTP\/1\.1 200 /)
  client.text = ''
  client.send('TRACE / HTTP/1.1\r\nHost: x\r\nCookie: secret\r\nMax-Forwards: 0\r\n\r\n')
  const trace = await client.until((text) => text.includes('here\n'))
  expect(trace).toMatch(/^HTTP\/1\.1 501 /)
  expect(trace).not.toContain('secret')
})

test('a WebSocket-like upgrade becomes two byte pipes, including bytes sent early', async () => {
  const { port, server } = await app(echo)
  server.on('upgrade', (request: http.IncomingMessage, socket: Socket, head: Buffer) => {
    expect(request.headers).toMatchObject({ upgrade: 'websocket', connection: 'upgrade' })
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst')
    if (head.length > 0) socket.write(head)
    socket.pipe(socket)
  })
  const { port: at, reports, engine } = await hop(port)
  const client = new RawClient(at).send(
    'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nearly',
  )
  await client.until((text) => text.endsWith('firstearly'))
  expect(client.text).toMatch(
    /^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: websocket\r\nconnection: upgrade\r\n\r\n/,
  )
  client.send('more')
  await client.until((text) => text.endsWith('more'))
  expect(reports[0]).toMatchObject({ status: 101, upgraded: true })
  client.socket.end()
  await client.ended()
  await until(() => engine.connections === 0)
})

for (const [name, head] of [
  ['length', 'Content-Length: 100\r\n\r\nhalf'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
] as const) {
  test(`an upstream that closes within a body (${name}) leaves a visibly incomplete response`, async () => {
    const port = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}`)
        setTimeout(() => socket.destroy(), 10)
      })
    })
    const { port: at, reports } = await hop(port)
    const failed = await new Promise((resolve) => {
      http
        .get({ port: at, agent: false }, (response) => {
          response.resume()
          response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
          response.on('end', () => resolve('complete'))
        })
        .on('error', resolve)
    })
    expect(failed).toBe('ECONNRESET')
    expect(reports[0]).toMatchObject({ status: 200, error: { code: 'BL_HTTP_UPSTREAM_CLOSED' } })
  })
}

test('stop: running requests finish with Connection: close, and nothing remains', async () => {
  let finish = (): void => {}
  const { port } = await app((_, response) => {
    finish = () => response.end('done')
  })
  const { port: at, engine, listener } = await hop(port, { limits: { drainMs: 5_000, lingerMs: 100 } })
  const idle = new RawClient(at)
  const busy = new RawClient(at).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => engine.connections === 2)
  await until(() => finish.toString().includes('response'))
  listener.stop()
  const stopped = Promise.all([engine.stop(), engine.stop()])
  await idle.ended()
  finish()
  expect(await busy.ended()).toMatch(/connection: close\r\n[^]*done$/)
  await stopped
  expect(engine.connections).toBe(0)
})
