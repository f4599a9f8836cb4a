/** Responses that come in parts, in both versions: nothing waits for the end, and an app notices that a visitor left. */
import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import * as net from 'node:net'
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'
import { appFor } from '../../fixture.ts'
import { ALICE, clientOf, relayTo } from './fixture.ts'

afterEach(cleanUp)

/** A response that a visitor reads. */
interface Reading {
  /** What has arrived so far. */
  readonly text: () => string
  leave(): void
}

async function readHttp1(port: number): Promise<Reading> {
  const sent = request({ host: '127.0.0.1', port, agent: false, headers: { host: ALICE } })
  sent.on('error', () => {})
  later(() => void sent.destroy())
  sent.end()
  let text = ''
  sent.on('response', (response: IncomingMessage) => {
    response.on('error', () => {}).on('data', (chunk: Buffer) => (text += chunk.toString()))
  })
  await once(sent, 'socket')
  return { text: () => text, leave: () => sent.destroy() }
}

async function readHttp2(port: number): Promise<Reading> {
  const stream = clientOf(port).request({ ':authority': ALICE })
  stream.on('error', () => {})
  let text = ''
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(stream, 'ready')
  return { text: () => text, leave: () => stream.close(8) }
}

/** An app whose responses the test writes, and how many visitors have left. */
async function writtenApp() {
  const responses: ServerResponse[] = []
  const seen = { left: 0 }
  const { endpoint } = await appFor((_request, response) => {
    response.on('close', () => {
      if (!response.writableEnded) seen.left++
    })
    responses.push(response)
  })
  return { endpoint, responses, seen }
}

describe.each([
  ['HTTP/1.1', readHttp1],
  ['HTTP/2', readHttp2],
])('%s', (_version, read) => {
  test.each([
    ['an event stream', 'text/event-stream', ['data: 1\n\n', 'data: 2\n\n']],
    ['streamed HTML', 'text/html', ['<p>one', '<p>two']],
    ['a type that proxies like to buffer', 'application/json', ['[1,', '2]']],
  ])('%s arrives part by part', async (_what, type, parts) => {
    const { endpoint, responses } = await writtenApp()
    const { relay } = await relayTo(endpoint)
    const reading = await read(relay.httpPort)
    const response = await until(() => responses[0])
    response.writeHead(200, { 'content-type': type })
    let sent = ''
    for (const part of parts) {
      response.write(part)
      sent += part
      // The next part is written only after this one has arrived.
      await until(() => reading.text() === sent)
    }
    response.end()
    expect(reading.text()).toBe(parts.join(''))
  })

  test('a long poll is answered when the app answers', async () => {
    const { endpoint, responses } = await writtenApp()
    const { relay } = await relayTo(endpoint)
    const reading = await read(relay.httpPort)
    const response = await until(() => responses[0])
    response.end('news')
    await until(() => reading.text() === 'news')
    expect(responses).toHaveLength(1)
  })

  test('the app notices a visitor who leaves, before and within the response', async () => {
    const { endpoint, responses, seen } = await writtenApp()
    const { relay } = await relayTo(endpoint)
    const waiting = await read(relay.httpPort)
    await until(() => responses.length === 1)
    waiting.leave()
    await until(() => seen.left === 1)
    const reading = await read(relay.httpPort)
    const response = await until(() => responses[1])
    response.write('first')
    await until(() => reading.text() === 'first')
    reading.leave()
    await until(() => seen.left === 2)
    expect(seen.left).toBe(2)
  })
})

test('a WebSocket from Firefox, which sends Connection: keep-alive, Upgrade', async () => {
  const { endpoint, server } = await appFor((_request, response) => void response.end())
  const heads: IncomingMessage[] = []
  server.on('upgrade', (head, socket) => {
    heads.push(head)
    const key = `${head.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash('sha1').update(key).digest('base64')
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
    socket.write(`${lines.join('\r\n')}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.on('error', () => {}).on('data', (data: Buffer) => socket.write(data))
  })
  const { relay } = await relayTo(endpoint)
  const socket = net.connect(relay.httpPort, '127.0.0.1').on('error', () => {})
  later(() => void socket.destroy())
  let text = ''
  socket.on('data', (data: Buffer) => (text += data.toString('latin1')))
  const lines = [
    'GET /socket HTTP/1.1',
    `Host: ${ALICE}`,
    'Connection: keep-alive, Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Extensions: permessage-deflate',
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  await until(() => text.includes('\r\n\r\n'))
  expect(text).toMatch(/^HTTP\/1\.1 101 /)
  expect(text).toContain('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  expect(heads[0]?.headers).toMatchObject({ connection: 'upgrade', upgrade: 'websocket' })
  // A masked text frame: "hi".
  socket.write(Buffer.of(0x81, 0x82, 1, 2, 3, 4, 0x68 ^ 1, 0x69 ^ 2))
  await until(() => text.length > text.indexOf('\r\n\r\n') + 4)
})
