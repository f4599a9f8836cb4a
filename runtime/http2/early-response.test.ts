/** Apps that respond before they have the whole request (RFC 9113, 8.1). */
import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import { responseOf, app, client, frame, FRAME, GET, hop, literals, RawClient } from './fixture.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const POST = { ':method': 'POST' }
const BODY = Buffer.alloc(4_000_000, 'abcdefg')
const sum = (body: Buffer): string => createHash('sha256').update(body).digest('hex')

/** Reads a request's body to its end. Returns what happened to it if it was cut off. */
function bodyOf(stream: ServerHttp2Stream): Promise<string> {
  const hash = createHash('sha256')
  return new Promise((resolve) => {
    stream.on('data', (chunk: Buffer) => hash.update(chunk))
    stream.on('close', () => resolve(stream.rstCode === 0 ? hash.digest('hex') : 'cut off'))
  })
}

test.each([
  ['only a head', ''],
  ['a body', 'stored later'],
])('an app that responds with %s and continues to read gets the whole upload', async (_name, text) => {
  const uploads: Promise<string>[] = []
  const { port } = await app((stream) => {
    uploads.push(bodyOf(stream))
    stream.respond({ ':status': 202 }, { endStream: text === '' })
    if (text !== '') stream.end(text)
  })
  const { port: at, engine, reports } = await hop(port)
  const stream = client(at).request(POST)
  const responded = responseOf(stream)
  const begun = once(stream, 'response')
  stream.write(BODY.subarray(0, 1000))
  await until(() => uploads.length === 1)
  await begun
  stream.end(BODY.subarray(1000))
  expect(await responded).toMatchObject({ headers: { ':status': 202 }, text, rstCode: 0 })
  expect(await uploads[0]).toBe(sum(BODY))
  await until(() => engine.streams === 0 && reports.length === 1)
  expect(reports[0]).toMatchObject({ status: 202, error: undefined })
})

test('an app that reads only after the client has finished and left gets the whole upload', async () => {
  let upload: ServerHttp2Stream | undefined
  let bytes = 0
  const { port } = await app((stream) => {
    upload = stream
    stream.once('data', (chunk: Buffer) => {
      bytes += chunk.length
      stream.pause()
    })
    stream.respond({ ':status': 202 }, { endStream: true })
  })
  const { port: at, reports } = await hop(port)
  const session = client(at)
  const stream = session.request(POST)
  const responded = responseOf(stream)
  stream.write('x')
  await until(() => upload !== undefined)
  // As much as the windows and queues in between hold.
  stream.end(Buffer.alloc(100_000))
  expect((await responded).headers[':status']).toBe(202)
  await until(() => reports.length === 1)
  session.destroy()
  const { promise: whole, resolve } = Promise.withResolvers<boolean>()
  upload?.on('data', (chunk: Buffer) => (bytes += chunk.length))
  upload?.on('close', () => resolve(upload?.rstCode === constants.NGHTTP2_NO_ERROR))
  upload?.resume()
  expect(await whole).toBe(true)
  expect(bytes).toBe(100_001)
})

test('an app that wants no more of it: the client gets the response, and then "no error"', async () => {
  const { port } = await app((stream) => {
    stream.respond({ ':status': 413 })
    stream.end('too much')
  })
  const { port: at, engine } = await hop(port, { limits: { lingerMs: 50 } })
  const stream = client(at).request(POST)
  const responded = responseOf(stream)
  let sent = 0
  const more = (): void => {
    while (!stream.closed && sent < 32_000_000) {
      sent += 16_384
      if (!stream.write(BODY.subarray(0, 16_384))) return void stream.once('drain', more)
    }
  }
  more()
  expect(await responded).toMatchObject({ headers: { ':status': 413 }, text: 'too much', rstCode: 0 })
  await until(() => engine.streams === 0)
})

test('an app that dies after its response ends the rest of the upload, not the response', async () => {
  const { port, die } = await app((stream) => {
    stream.once('data', () => {})
    stream.respond({ ':status': 202 }, { endStream: true })
  })
  const { port: at, engine } = await hop(port, { limits: { lingerMs: 50 } })
  const stream = client(at).request(POST)
  const responded = responseOf(stream)
  stream.write('x')
  await new Promise((resolve) => stream.once('response', resolve))
  die()
  expect(await responded).toMatchObject({ headers: { ':status': 202 }, rstCode: constants.NGHTTP2_NO_ERROR })
  await until(() => engine.streams === 0)
})

test.each([
  ['an upload that ends is complete', (at: RawClient) => at.send(frame(FRAME.data, 1, 1, 'end')), 'complete'],
  // Go's client does the same when it has the response.
  [
    'an upload that is reset with "no error" is not',
    (at: RawClient) => at.send(frame(FRAME.rstStream, 0, 1, Buffer.alloc(4))),
    'cut off',
  ],
] as const)('after an early response %s', async (_name, finish, expected) => {
  const ends: string[] = []
  const { port } = await app((stream) => {
    let bytes = 0
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length))
    stream.on('close', () => ends.push(bytes === 7 && stream.rstCode === 0 ? 'complete' : 'cut off'))
    stream.respond({ ':status': 202 }, { endStream: true })
  })
  const { port: at, engine } = await hop(port)
  const uploader = new RawClient(at)
  uploader.send(
    frame(FRAME.headers, 4, 1, literals({ ...GET, ':method': 'POST' })),
    frame(FRAME.data, 0, 1, 'half'),
  )
  await until(() => uploader.of(FRAME.headers).length === 1)
  finish(uploader)
  await until(() => ends.length === 1 && engine.streams === 0)
  expect(ends).toEqual([expected])
})

test('a client that stops in the middle after an early response is cut off', async () => {
  const codes: unknown[] = []
  const { port } = await app((stream) => {
    stream.on('data', () => {}).on('close', () => codes.push(stream.rstCode))
    stream.respond({ ':status': 202 }, { endStream: true })
  })
  const { port: at, engine } = await hop(port, { limits: { requestProgressMs: 50 } })
  const stream = client(at).request(POST)
  const responded = responseOf(stream)
  stream.write('x')
  expect((await responded).headers[':status']).toBe(202)
  await until(() => codes.length === 1 && engine.streams === 0)
  expect(codes).toEqual([constants.NGHTTP2_CANCEL])
})
