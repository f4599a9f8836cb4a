import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { cleanUp } from '../testing/cleanups.ts'
import { DEAD_PORT } from '../testing/ports.ts'
import { until } from '../testing/until.ts'
import { app, ask, bodyOf, client, rawApp, responseOf, translator } from './fixture.ts'

afterEach(cleanUp)

const echo = (): Promise<number> =>
  app(async (request, response) => {
    const body = await bodyOf(request)
    const { method, url, rawHeaders, trailers } = request
    response.setHeader('set-cookie', ['a=1', 'b=2'])
    response.end(JSON.stringify({ method, url, rawHeaders, body, trailers }))
  })

test('a request arrives with its fields, one cookie field and the edits, and the response comes back', async () => {
  const edits = { remove: ['x-gone'], set: [['x-set', 'new']] as const }
  const { port } = await translator([await echo()], { edits })
  const response = await ask(client(port), {
    ':path': '/a?b=c',
    ':authority': 'web.example',
    'x-gone': '1',
    'x-kept': ['a', 'b'],
    cookie: ['a=1', 'b=2'],
    te: 'trailers',
  })
  expect(response.headers).toMatchObject({ ':status': 200, 'set-cookie': ['a=1', 'b=2'] })
  expect(response.headers).not.toHaveProperty('connection')
  expect(response.headers).not.toHaveProperty('keep-alive')
  expect(JSON.parse(response.text)).toMatchObject({ method: 'GET', url: '/a?b=c' })
  const { rawHeaders } = JSON.parse(response.text) as { rawHeaders: string[] }
  expect(rawHeaders).toEqual(
    ['host', 'web.example', 'x-kept', 'a', 'x-kept', 'b', 'cookie', 'a=1; b=2', 'x-set', 'new'].concat([
      'via',
      '2.0 relay',
      'connection',
      'te',
      'te',
      'trailers',
    ]),
  )
})

test('bodies arrive whole, with and without a length, and one connection serves requests in turn', async () => {
  const { port, pool } = await translator([await echo()])
  const session = client(port)
  const large = 'x'.repeat(300_000)
  for (const body of ['', 'small', large]) {
    const chunked = await ask(session, { ':method': 'POST' }, body)
    expect((JSON.parse(chunked.text) as { body: string }).body === body).toBe(true)
    const length = { ':method': 'PUT', 'content-length': String(body.length) }
    const counted = await ask(session, length, body)
    expect((JSON.parse(counted.text) as { body: string }).body === body).toBe(true)
    await until(() => pool.size === 1)
  }
})

test('a POST without a body names its length', async () => {
  const { port } = await translator([await echo()])
  const { text } = await ask(client(port), { ':method': 'POST' })
  expect((JSON.parse(text) as { rawHeaders: string[] }).rawHeaders).toContain('content-length')
})

test('trailers pass in both directions, without those that are refused or would reframe', async () => {
  const served = await app(async (request, response) => {
    await bodyOf(request)
    response.writeHead(200, { trailer: 'x-sum' })
    response.write(JSON.stringify(request.trailers))
    response.addTrailers({ 'x-sum': '42' })
    response.end()
  })
  const { port } = await translator([served])
  const stream = client(port).request({ ':method': 'POST' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes', 'x-refused': 'no' }))
  stream.end('body')
  const { text, trailers } = await responseOf(stream)
  expect(JSON.parse(text)).toEqual({ 'x-end': 'yes' })
  expect(trailers).toMatchObject({ 'x-sum': '42' })
})

test.each([
  ['no content', 204, ''],
  ['not modified', 304, ''],
  ['not found', 404, 'no'],
])('a response without a body ends its stream: %s', async (_what, status, text) => {
  const served = await app((_request, response) => response.writeHead(status).end(text))
  const { port, pool } = await translator([served])
  expect(await ask(client(port))).toMatchObject({ headers: { ':status': status }, text, code: 0 })
  await until(() => pool.size === 1)
})

test('the response to a HEAD keeps its length and has no body', async () => {
  const served = await app((_request, response) => response.writeHead(200, { 'content-length': '5' }).end())
  const { port } = await translator([served])
  const { headers, text } = await ask(client(port), { ':method': 'HEAD' })
  expect([headers[':status'], headers['content-length'], text]).toEqual([200, '5', ''])
})

test('interim responses reach the client', async () => {
  const served = await rawApp((socket) => {
    socket.once('data', () =>
      socket.write(
        'HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
      ),
    )
  })
  const { port } = await translator([served])
  const stream = client(port).request()
  const hints = once(stream, 'headers')
  const response = responseOf(stream)
  expect((await hints)[0]).toMatchObject({ ':status': 103, link: '</a.css>' })
  expect((await response).text).toBe('ok')
})

test('chunks pass at once, and the app notices when the client leaves', async () => {
  let left = false
  const served = await app((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    request.on('close', () => (left = true))
  })
  const { port } = await translator([served])
  const stream = client(port)
    .request()
    .on('error', () => {})
  const [chunk] = (await once(stream, 'data')) as [Buffer]
  expect(chunk.toString()).toBe('data: 1\n\n')
  stream.close(8)
  await until(() => left)
})

test('a slow client pauses the app', async () => {
  let written = 0
  const served = await app((_request, response) => {
    const chunk = Buffer.alloc(64 * 1024)
    const fill = (): void => {
      while (written++ < 1_000 && response.write(chunk));
    }
    response.on('drain', fill)
    fill()
  })
  const { port } = await translator([served])
  const stream = client(port)
    .request()
    .on('error', () => {})
  await once(stream, 'response')
  stream.pause()
  const before = await settled(() => written)
  expect(before).toBeLessThan(1_000)
  stream.resume()
  await until(() => written >= 1_000)
})

/** The value of a counter once it no longer changes. */
async function settled(read: () => number): Promise<number> {
  let last = -1
  await until(async () => {
    const before = last
    last = read()
    await new Promise((resolve) => setTimeout(resolve, 100))
    return before === last && last === read()
  })
  return last
}

test('a body that breaks off resets the stream, so that it never looks complete', async () => {
  const served = await rawApp((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')
      socket.end()
    })
  })
  const { port, reports } = await translator([served])
  expect((await ask(client(port))).code).not.toBe(0)
  expect(reports[0]?.error?.code).toBe('BL_HTTP_UPSTREAM_CLOSED')
})

test('a body that ends with its connection is whole only after a normal end', async () => {
  const served = await rawApp((socket) => {
    socket.once('data', (bytes) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nabc')
      if (bytes.includes('/whole')) socket.end()
      else setImmediate(() => socket.resetAndDestroy())
    })
  })
  const { port } = await translator([served])
  const session = client(port)
  expect(await ask(session, { ':path': '/whole' })).toMatchObject({ text: 'abc', code: 0 })
  expect((await ask(session, { ':path': '/cut' })).code).not.toBe(0)
})

test('a kept connection that has ended does not fail a request that is safe to repeat', async () => {
  let connections = 0
  const served = await rawApp((socket) => {
    const first = ++connections === 1
    let requests = 0
    socket.on('data', () => {
      if (first && ++requests === 2) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    })
  })
  const { port, pool } = await translator([served])
  const session = client(port)
  await ask(session)
  await until(() => pool.size === 1)
  expect((await ask(session)).text).toBe('ok')
  expect(connections).toBe(2)
})

test('a request with a body that the app received is not repeated', async () => {
  let requests = 0
  const served = await rawApp((socket) => {
    socket.once('data', () => {
      requests++
      socket.destroy()
    })
  })
  const { port } = await translator([served, served])
  const { headers } = await ask(client(port), { ':method': 'POST' }, 'x')
  expect([headers[':status'], requests]).toEqual([502, 1])
})

test('the next candidate is tried if the first cannot be reached', async () => {
  const { port } = await translator([DEAD_PORT, await echo()])
  expect((await ask(client(port), { ':method': 'POST' }, 'x')).headers[':status']).toBe(200)
  const dead = await translator([DEAD_PORT])
  expect((await ask(client(dead.port))).headers[':status']).toBe(502)
})

test.each([
  ['is not HTTP', 'hello\r\n\r\n'],
  ['switches protocols', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
  ['has two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
])('an answer that %s is a 502', async (_what, answer) => {
  const served = await rawApp((socket) => socket.once('data', () => socket.write(answer)))
  const { port, reports } = await translator([served])
  expect((await ask(client(port))).headers[':status']).toBe(502)
  expect(reports[0]?.error?.code).toBe('BL_HTTP_BAD_RESPONSE')
})

test('an app that answers before the end of the upload still gets the rest', async () => {
  let received = 0
  let over = false
  const served = await app((request, response) => {
    response.end('early')
    request.on('data', (chunk: Buffer) => (received += chunk.length))
    request.on('end', () => (over = true))
  })
  const { port } = await translator([served])
  const stream = client(port).request({ ':method': 'POST' })
  stream.write(Buffer.alloc(1_000))
  const done = responseOf(stream)
  await once(stream, 'response')
  stream.end(Buffer.alloc(1_000))
  expect((await done).text).toBe('early')
  await until(() => over)
  expect(received).toBe(2_000)
})

test('many streams of one connection run at the same time', async () => {
  const waiting: (() => void)[] = []
  const served = await app((_request, response) => {
    waiting.push(() => response.end('ok'))
    if (waiting.length === 20) for (const respond of waiting) respond()
  })
  const { port } = await translator([served])
  const session = client(port)
  const all = await Promise.all(Array.from({ length: 20 }, () => ask(session)))
  expect(all.every(({ text }) => text === 'ok')).toBe(true)
})
