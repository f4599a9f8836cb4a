/**
 * Request smuggling: an attacker writes what one parser reads as one request and the next as two, so that the second
 * escapes routing, access rules and logs, or its response reaches another client (RFC 9112, 11.2). The engine's
 * defence: it refuses every message that has two readings and closes the connection, so that the rest is never read,
 * and it sends upstream only bodies that it has framed itself by the same rule.
 *
 * Each attack goes to an upstream that records every byte: it must see nothing, or exactly one request.
 */
import { afterEach, expect, test } from 'vitest'
import { hop, rawServer } from './fixtures.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'

afterEach(cleanUp)

const EVIL = 'GET /evil HTTP/1.1\r\nHost: x\r\n\r\n'
const POST = 'POST /p HTTP/1.1\r\nHost: x\r\n'
const LENGTHS: [string, string][] = [
  ['CL.TE', `${POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE.CL', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n${EVIL}\r\n0\r\n\r\n`],
  ['CL.CL', `${POST}Content-Length: 0\r\nContent-Length: 31\r\n\r\n${EVIL}`],
  ['equal CLs', `${POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\na${EVIL}`],
  ['a list of CLs', `${POST}Content-Length: 0, 31\r\n\r\n${EVIL}`],
  ['CL with a sign', `${POST}Content-Length: +31\r\n\r\n${EVIL}`],
  ['CL with a minus', `${POST}Content-Length: -1\r\n\r\n${EVIL}`],
  ['CL in hex', `${POST}Content-Length: 0x1f\r\n\r\n${EVIL}`],
  ['CL with a blank within', `${POST}Content-Length: 3 1\r\n\r\n${EVIL}`],
  ['empty CL', `${POST}Content-Length:\r\n\r\n${EVIL}`],
  ['huge CL', `${POST}Content-Length: 18446744073709551616\r\n\r\n${EVIL}`],
]
const CODINGS: [string, string][] = [
  ['TE twice', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE chunked, chunked', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE identity', `${POST}Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n${EVIL}`],
  ['TE xchunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE with a vertical tab', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE with quotes', `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE with a parameter', `${POST}Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n${EVIL}`],
  ['empty TE', `${POST}Transfer-Encoding:\r\n\r\n${EVIL}`],
  ['TE with a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE behind a bare LF', `${POST}A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE behind a bare CR', `${POST}A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE folded', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE behind NUL', `${POST}Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n${EVIL}`],
  ['TE in HTTP/1.0', `POST /p HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${EVIL}`],
  ['a space before the first field', `POST /p HTTP/1.1\r\n Host: x\r\n\r\n${EVIL}`],
  ['a request line in the target', `GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n\x00\r\n${EVIL}`],
  ['two Hosts', `GET /p HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n${EVIL}`],
]

async function recorder() {
  let seen = ''
  const port = await rawServer((socket) => {
    socket.on('data', (data) => {
      seen += data.toString('latin1')
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  return { seen: () => seen, ...(await hop(port)) }
}

test.each([...LENGTHS, ...CODINGS])(
  'refused and closed, and nothing reaches the upstream: %s',
  async (_, attack) => {
    const { port, seen } = await recorder()
    const text = await new RawClient(port).send(attack).ended()
    expect(text).toMatch(/^HTTP\/1\.1 (?:400|501) [^]*connection: close\r\n/)
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(seen()).toBe('')
  },
)

test.each([
  ['a chunk that is longer than its size', `5\r\nhello${EVIL}`],
  ['a size after 0x', `0x5\r\nhello\r\n0\r\n\r\n${EVIL}`],
  ['a size that overflows', `10000000000000000\r\n\r\n${EVIL}`],
  ['a bare LF in an extension', `5;\nxx\r\nhello\r\n0\r\n\r\n${EVIL}`],
  ['a bare LF after a size', `5\nhello\r\n0\r\n\r\n${EVIL}`],
  ['a bare LF at the end', `0\r\n\n${EVIL}`],
  ['Content-Length as a trailer', `0\r\nContent-Length: 5\r\n\r\n${EVIL}`],
])('a bad chunk ends both connections: %s', async (_, attack) => {
  const { port, seen } = await recorder()
  const text = await new RawClient(port)
    .send(`${POST}Transfer-Encoding: chunked\r\n\r\n`)
    .send(attack)
    .ended()
  expect(text).toMatch(/^HTTP\/1\.1 (?:400 [^]*connection: close\r\n|200 )/)
  expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  expect(seen()).not.toContain('evil')
})

test.each(['content-length', 'transfer-encoding', 'host'])(
  'Connection cannot nominate %s away',
  async (name) => {
    const { port, seen } = await recorder()
    const framed =
      name === 'transfer-encoding'
        ? `Transfer-Encoding: chunked\r\n\r\n1f\r\n${EVIL}\r\n0\r\n\r\n`
        : `Content-Length: 31\r\n\r\n${EVIL}`
    const client = new RawClient(port).send(`${POST}Connection: ${name}\r\n${framed}`)
    await client.until((text) => text.includes('ok'))
    expect(seen().toLowerCase()).toContain(`${name}: `)
  },
)

test('a body that looks like a request stays a body', async () => {
  const { port, seen } = await recorder()
  const client = new RawClient(port).send(
    `DELETE /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n${EVIL}\r\n0\r\n\r\n`,
  )
  await client.until((text) => text.includes('ok'))
  expect(seen()).toBe(
    `DELETE /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n${EVIL}\r\n0\r\n\r\n`,
  )
})

test('an upgrade to h2c is not performed, because it would carry requests past the routing', async () => {
  const { port, seen } = await recorder()
  const client = new RawClient(port).send(
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
  )
  await client.until((text) => text.includes('ok'))
  expect(seen()).toBe('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
})

test('response splitting: what an upstream sends after its response reaches no client', async () => {
  const port = await rawServer((socket) => {
    socket.on('data', () =>
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
      ),
    )
  })
  const { port: at } = await hop(port)
  const client = new RawClient(at)
  for (let i = 1; i <= 3; i++) {
    client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.until((text) => text.match(/ok$/g) !== null && text.match(/200/g)?.length === i)
  }
  expect(client.text).not.toContain('evil')
})

test('a 101 without an upgrade request does not open a pipe', async () => {
  const port = await rawServer((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'))
  })
  const { port: at } = await hop(port)
  const client = new RawClient(at).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(await client.until((text) => text.includes('\r\n\r\n'))).toMatch(/^HTTP\/1\.1 502 /)
})

test.each([
  ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
  ['obs-fold', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n'],
  ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['a control character', 'HTTP/1.1 200 OK\r\nA: \x01\r\nContent-Length: 0\r\n\r\n'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['a large head', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(70_000)}\r\n\r\n`],
])('a bad response causes a 502, and its connection is not used again: %s', async (_, response) => {
  let accepted = 0
  const to = await rawServer((socket) => {
    accepted++
    socket.on('data', () => socket.write(response, 'latin1'))
  })
  const { port, reports } = await hop(to)
  const client = new RawClient(port).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until((text) => text.startsWith('HTTP/1.1 502 ') && text.includes('\r\n\r\n'))
  client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until((text) => text.match(/HTTP\/1\.1 502/g)?.length === 2)
  expect(accepted).toBe(2)
  expect(reports[0]?.error?.code).toMatch(/^BL_HTTP_(?:BAD_RESPONSE|RESPONSE_TOO_LARGE)$/)
})

test('a bad chunk in a response leaves it visibly incomplete', async () => {
  const to = await rawServer((socket) => {
    socket.on('data', () =>
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n2x\r\nno\r\n0\r\n\r\n'),
    )
  })
  const { port } = await hop(to)
  const text = await new RawClient(port).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').ended()
  expect(text).not.toContain('0\r\n\r\n')
})
