import assert from 'node:assert/strict'
import net from 'node:net'
import type { Proof } from './proof.ts'

const ANSWER_TIMEOUT_MS = 30_000

/** What somebody sends who does not speak HTTP well, and the status that RFC 9110, 9112 or 6585 has for it. */
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

/** The status that comes back for these octets; 0 where the connection closes without one. */
function statusOf(port: number, bytes: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    let received = ''
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('no answer')))
    socket.on('connect', () => socket.write(bytes, 'latin1'))
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // What was refused may be cut off while more of it is on its way.
      if (received === '' && error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
    })
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0)))
  })
}

export const garbage: Proof = {
  title: 'garbage at the door gets 400, 431 or 505 as the RFCs say, and the connection closes',
  async prove(shop) {
    const port = Number(new URL(await shop.url('alice')).port)
    for (const [what, bytes, status] of GARBAGE) assert.equal(await statusOf(port, bytes), status, what)
    return `${GARBAGE.length} kinds`
  },
}
