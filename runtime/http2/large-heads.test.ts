/** Heads of more than 64 KiB. By default, nghttp2 neither sends them nor reports that. */
import { connect } from 'node:net'
import * as http2 from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import { ask, app, hop } from './fixture.ts'
import { cleanUp, later } from '../testing/cleanups.ts'

afterEach(cleanUp)

const HEAD_BYTES = 256 * 1024
const SENDS_LARGE = { maxSendHeaderBlockLength: HEAD_BYTES }

const large = (prefix: string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: 4 }, (_, index) => [`${prefix}-${index}`, 'x'.repeat(30_000)]))
const countOf = (fields: object, prefix: string): number =>
  Object.keys(fields).filter((name) => name.startsWith(`${prefix}-`)).length

test('a large head and large trailers pass in both directions if the limit allows them', async () => {
  const { port } = await app(
    (stream, headers) => {
      stream.respond(
        { 'x-count': countOf(headers, 'request'), ...large('response') },
        { waitForTrailers: true },
      )
      stream.on('wantTrailers', () => stream.sendTrailers(large('closing')))
      stream.end('ok')
    },
    { maxHeaderListSize: HEAD_BYTES },
    SENDS_LARGE,
  )
  const engine = await hop(port, { limits: { headBytes: HEAD_BYTES } })
  const session = http2.connect(`http://127.0.0.1:${engine.port}`, {
    ...SENDS_LARGE,
    createConnection: () => connect(engine.port, '127.0.0.1'),
    settings: { maxHeaderListSize: HEAD_BYTES },
  })
  later(() => session.destroy())
  const { headers, trailers, text, rstCode } = await ask(session, large('request'))
  expect([headers[':status'], headers['x-count'], text, rstCode]).toEqual([200, '4', 'ok', 0])
  expect([countOf(headers, 'response'), countOf(trailers, 'closing')]).toEqual([4, 4])
})
