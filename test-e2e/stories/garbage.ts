import assert from 'node:assert/strict'
import net from 'node:net'
import type { Proof } from './proof.ts'

const RESPONSE_TIMEOUT_MS = 30_000

/** Invalid requests, and the status that RFC 9110, 9112 or 6585 requires. */
const GARBAGE: readonly (readonly [what: string, bytes: string, status: number])[] = [
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\r\n\r\n', 400],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  [
    'both lengths',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    400,
  ],
  ['two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['a head without end', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(256 * 1024)}\r\n\r\n`, 431],
  ['another version', 'GET / HTTP/3.0\r\nHost: a\r\n\r\n', 505],
]

/** Returns the status of the response to these bytes, or 0 if the connection closes without one. */
function statusOf(port: number, bytes: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    let received = ''
    socket.setTimeout(RESPONSE_TIMEOUT_MS, () => socket.destroy(new Error('no response')))
    socket.on('connect', () => socket.write(bytes, 'latin1'))
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The server may cut a refused request while the rest is still being sent.
      if (received === '' && error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
    })
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0)))
  })
}

export const garbage: Proof = {
  title: 'invalid requests get 400, 431 or 505 as the RFCs require, and the connection closes',
  async prove(shop) {
    const port = Number(new URL(await shop.url('alice')).port)
    for (const [what, bytes, status] of GARBAGE) assert.equal(await statusOf(port, bytes), status, what)
    return `${GARBAGE.length} kinds`
  },
}
