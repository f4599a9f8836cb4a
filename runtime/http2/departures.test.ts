/** A client that leaves is noticed at once, and its app as well, however it leaves and whatever is in progress. */
import { constants, type ServerHttp2Stream } from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import { app, frame, FRAME, GET, hop, literals, RawClient } from './fixture.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const LEAVES: readonly (readonly [string, (client: RawClient) => void])[] = [
  ['resets its stream', (client) => client.send(frame(FRAME.rstStream, 0, 1, Buffer.from([0, 0, 0, 8])))],
  ['ends its connection', (client) => client.socket.end()],
  ['resets its connection', (client) => client.socket.resetAndDestroy()],
  [
    'sends GOAWAY and ends its connection',
    (client) => {
      client.send(frame(FRAME.goaway, 0, 0, Buffer.alloc(8)))
      client.socket.end()
    },
  ],
]

const MOMENTS: readonly (readonly [string, boolean, (stream: ServerHttp2Stream) => void])[] = [
  ['before the response', true, () => {}],
  ['in a quiet server stream', true, (stream) => stream.respond({ ':status': 200 })],
  ['in the middle of its body', false, (stream) => stream.resume()],
  ['in a quiet stream in both directions', false, (stream) => stream.respond({ ':status': 200 })],
]

test.each(
  LEAVES.flatMap(([how, leave]) =>
    MOMENTS.map(([when, ended, act]) => [how, when, ended, act, leave] as const),
  ),
)('a client %s %s', async (_how, when, ended, act, leave) => {
  const codes: unknown[] = []
  let begun = 0
  const { port } = await app((stream) => {
    begun++
    stream.on('close', () => codes.push(stream.rstCode))
    act(stream)
  })
  const { port: at, engine, reports } = await hop(port)
  const leaving = new RawClient(at)
  leaving.send(frame(FRAME.headers, ended ? 5 : 4, 1, literals({ ...GET, ':method': 'POST' })))
  if (!ended) leaving.send(frame(FRAME.data, 0, 1, 'half'))
  await until(() => begun === 1 && (when.includes('quiet') ? leaving.of(FRAME.headers).length === 1 : true))
  leave(leaving)
  await until(() => codes.length === 1 && engine.streams === 0)
  expect(codes).toEqual([constants.NGHTTP2_CANCEL])
  await until(() => reports.length === 1)
  expect(reports[0]?.error?.code).toBe('BL_HTTP_CLIENT_GONE')
})
