import { afterEach, expect, test } from 'vitest'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { hop, rawServer } from './fixtures.ts'

afterEach(cleanUp)

/** A hop that permits bodies of 10 bytes, and what its app has received. */
async function limited(): Promise<{ client: RawClient; received: () => string; codes: () => unknown[] }> {
  let text = ''
  const app = await rawServer((socket) => {
    socket.on('data', (data) => {
      text += data.toString('latin1')
      if (/0\r\n\r\n$|0123456789$/.test(text)) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
  })
  const { port, reports } = await hop(() => ({
    candidates: [{ upstream: tcpUpstream('127.0.0.1', app) }],
    bodyBytes: 10,
  }))
  return {
    client: new RawClient(port),
    received: () => text,
    codes: () => reports.map(({ error }) => error?.code),
  }
}

test('a body of the largest size passes, in chunks of any size', async () => {
  const { client, codes } = await limited()
  client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789')
  await client.until((text) => text.endsWith('\r\n\r\n'))
  client.send('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  for (const byte of '0123456789') client.send(`1;a=b\r\n${byte}\r\n`)
  client.send('0\r\n\r\n')
  await until(() => codes().length === 2)
  expect(codes()).toEqual([undefined, undefined])
})

test('a streamed body beyond the limit is cut off with 413, and its app never gets the excess', async () => {
  const { client, received, codes } = await limited()
  client.send('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n')
  await until(() => received().includes('01234'))
  client.send('6\r\nabcdef\r\n')
  expect(await client.ended()).toMatch(/^HTTP\/1.1 413 /)
  expect(codes()).toEqual(['BL_HTTP_BODY_TOO_LARGE'])
  expect(received()).not.toContain('abcdef')
})
