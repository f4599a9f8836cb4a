import { createHash } from 'node:crypto'
import * as http from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { app, hop } from './fixtures.ts'
import { lentBuffers } from '../transport/read-buffer.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const BLOCK = Buffer.alloc(1 << 20, 'branchline')
const BLOCKS = 128

/** Writes the blocks as fast as the stream accepts them. */
async function sendBlocks(stream: NodeJS.WritableStream): Promise<void> {
  for (let i = 0; i < BLOCKS; i++) {
    if (!stream.write(BLOCK)) await new Promise((resolve) => stream.once('drain', resolve))
  }
  stream.end()
}

async function digest(stream: AsyncIterable<unknown>): Promise<string> {
  const hash = createHash('sha1')
  for await (const part of stream) hash.update(part as Buffer)
  return hash.digest('hex')
}

const expected = (): string => {
  const hash = createHash('sha1')
  for (let i = 0; i < BLOCKS; i++) hash.update(BLOCK)
  return hash.digest('hex')
}

for (const framing of ['length', 'chunks'] as const) {
  const headers = framing === 'length' ? { 'content-length': BLOCK.length * BLOCKS } : {}

  test(`128 MiB up and down by ${framing}, whole and unchanged`, async () => {
    const uploads: Promise<string>[] = []
    const { port: to } = await app((request, response) => {
      if (request.method === 'POST') {
        const whole = digest(request)
        uploads.push(whole)
        void whole.then((sum) => response.end(sum))
      } else {
        response.writeHead(200, headers)
        void sendBlocks(response)
      }
    })
    const { port } = await hop(to)
    const down = await new Promise<string>((resolve, reject) => {
      http
        .get({ port, agent: false }, (response) => void digest(response).then(resolve, reject))
        .on('error', reject)
    })
    expect(down).toBe(expected())
    const up = await new Promise<string>((resolve, reject) => {
      const request = http.request({ port, method: 'POST', headers, agent: false }, (response) => {
        response.setEncoding('latin1')
        response.on('data', resolve)
      })
      request.on('error', reject)
      void sendBlocks(request)
    })
    expect(up).toBe(expected())
  })
}

test('a client that does not read pauses the upstream, and memory stays bounded', async () => {
  let written = 0
  let blocked = false
  const { port: to } = await app((_, response) => {
    response.writeHead(200, { 'content-length': BLOCK.length * BLOCKS })
    const send = (): void => {
      while (written < BLOCKS) {
        written++
        if (!response.write(BLOCK)) {
          blocked = true
          response.once('drain', send)
          return
        }
      }
    }
    send()
  })
  const { port } = await hop(to)
  const client = new RawClient(port)
  client.socket.pause()
  client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => blocked)
  // The system's own buffers take some MiB. After that, nothing moves.
  let before = -1
  await until(() => {
    const still = before === written
    before = written
    return still && written > 0 ? true : undefined
  })
  expect(written).toBeLessThan(BLOCKS / 4)
})

test('an upstream that does not read pauses the client', async () => {
  const { port: to } = await app((request) => request.pause())
  const { port } = await hop(to)
  let sent = 0
  const request = http.request({
    port,
    method: 'POST',
    headers: { 'content-length': BLOCK.length * BLOCKS },
    agent: false,
  })
  request.on('error', () => {})
  const pump = (): void => {
    while (sent < BLOCKS && request.write(BLOCK)) sent++
  }
  request.on('drain', pump)
  pump()
  let before = -1
  let same = 0
  await until(() => {
    same = before === sent ? same + 1 : 0
    before = sent
    return same > 50 ? true : undefined
  })
  expect(sent).toBeLessThan(BLOCKS / 4)
  request.destroy()
})

test('an echo that responds while it reads flows in both directions at once', async () => {
  const { port: to } = await app((request, response) => {
    response.writeHead(200)
    request.pipe(response)
  })
  const { port } = await hop(to)
  const sum = await new Promise<string>((resolve, reject) => {
    const request = http.request(
      { port, method: 'POST', agent: false },
      (response) => void digest(response).then(resolve, reject),
    )
    request.on('error', reject)
    void sendBlocks(request)
  })
  expect(sum).toBe(expected())
})

test('many slow readers at once: none gets a byte of another, and no buffer stays pinned', async () => {
  const SIZE = 3_000_000
  const { port: to } = await app((request, response) => {
    const seed = Number(request.url?.slice(1))
    response
      .writeHead(200, { 'content-length': SIZE })
      .end(Buffer.alloc(SIZE, Buffer.from([seed, seed + 100, 7])))
  })
  const { port } = await hop(to)
  const fetchSlowly = (seed: number): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const get = http.get({ port, path: `/${seed}`, agent: false }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => {
          parts.push(part)
          response.pause()
          setImmediate(() => response.resume())
        })
        response.on('end', () => {
          resolve(Buffer.concat(parts).equals(Buffer.alloc(SIZE, Buffer.from([seed, seed + 100, 7]))))
        })
        response.on('error', reject)
      })
      get.on('error', reject)
    })
  const right = await Promise.all(Array.from({ length: 40 }, (_, seed) => fetchSlowly(seed)))
  expect(right).toEqual(Array.from({ length: 40 }, () => true))
  await cleanUp()
  await until(
    () => (lentBuffers() === 0 ? true : undefined),
    () => `${lentBuffers()} buffers are lent`,
  )
  expect(lentBuffers()).toBe(0)
})
