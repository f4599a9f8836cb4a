import { afterEach, expect, test } from 'vitest'
import { cleanUp } from '../testing/cleanups.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { app, ask, client, hop } from './fixture.ts'

afterEach(cleanUp)

test('a body beyond the limit of the decision gets 413, and its app never gets the excess', async () => {
  let received = 0
  const { port: to } = await app((stream) => {
    stream.on('data', (chunk: Buffer) => (received += chunk.length))
    stream.on('end', () => stream.closed || stream.respond({ ':status': 200 }, { endStream: true }))
  })
  const { port, reports } = await hop(() => ({
    candidates: [{ upstream: tcpUpstream('127.0.0.1', to), edits: { host: 'app:1', add: [['a', '1']] } }],
    bodyBytes: 10,
  }))
  const session = client(port)
  const post = { ':method': 'POST' }
  expect((await ask(session, post, '0123456789')).headers[':status']).toBe(200)
  expect((await ask(session, post, '0123456789a')).headers[':status']).toBe(413)
  expect(received).toBe(10)
  expect(reports.map(({ error }) => error?.code)).toEqual([undefined, 'BL_HTTP_BODY_TOO_LARGE'])
})

test('edits replace the authority, and add fields to a response next to its own', async () => {
  const { port: to } = await app((stream, headers) => {
    stream.respond(
      { ':status': 200, 'set-cookie': ['a=1', 'b=2'], 'x-host': headers[':authority'] },
      { endStream: true },
    )
  })
  const edits = { host: 'app:1' }
  const responseEdits = { add: [['set-cookie', 'c=3']] as const }
  const { port } = await hop(() => ({
    candidates: [{ upstream: tcpUpstream('127.0.0.1', to), edits, responseEdits }],
  }))
  const { headers } = await ask(client(port))
  expect(headers['set-cookie']).toEqual(['a=1', 'b=2', 'c=3'])
  expect(headers['x-host']).toBe('app:1')
})
