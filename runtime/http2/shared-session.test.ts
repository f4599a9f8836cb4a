/**
 * One connection to an app serves all clients, so one client could shut out the others. Node's servers count the
 * buffered bytes of a connection's responses (`maxSessionMemory`, 10 MB), refuse all of its streams with
 * ENHANCE_YOUR_CALM above that, and never forget a response that was reset before it was sent. Two downloads that a
 * client does not read, or abandons, are enough. A connection with such a stream takes no new streams.
 */
import { constants } from 'node:http2'
import { afterEach, expect, test, vi } from 'vitest'
import { app, ask, client, frame, FRAME, GET, hop, type Hop, literals, RawClient } from './fixture.ts'
import type { Http2Limits } from './limits.ts'
import { UpstreamSession } from './upstream.ts'
import { cleanUp, later } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const POST = { ':method': 'POST' }
const LARGE = Buffer.alloc(8_000_000)

const downloads = async (limits: Partial<Http2Limits>): Promise<Hop> => {
  const { port } = await app((stream, { ':path': path }) => {
    stream.respond({ ':status': 200 })
    stream.end(path === '/large' ? LARGE : 'small')
  })
  return hop(port, { limits })
}

/** Watches the requests to replace a connection to an app. */
function replacements(): { readonly mock: { readonly calls: readonly unknown[] } } {
  const spy = vi.spyOn(UpstreamSession.prototype, 'replace')
  later(() => spy.mockRestore())
  return spy
}

/** A client that requests two large responses and reads neither. */
async function holdTwo({ port, engine }: Hop): Promise<RawClient> {
  const unread = new RawClient(
    port,
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      // SETTINGS_INITIAL_WINDOW_SIZE: 0.
      frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])),
    ]),
  )
  for (const streamId of [1, 3]) {
    unread.send(frame(FRAME.headers, 5, streamId, literals({ ...GET, ':path': '/large' })))
  }
  await until(() => unread.of(FRAME.headers).length === 2 && engine.streams === 2)
  return unread
}

test('responses that one client does not read cause no refusal of another client’s repeatable request', async () => {
  const attacked = await downloads({ heldMs: 60_000 })
  const attacker = await holdTwo(attacked)
  const other = client(attacked.port)
  for (let count = 0; count < 20; count++) expect((await ask(other)).text).toBe('small')
  expect(attacked.engine.upstreamConnections).toBe(2)
  attacker.socket.destroy()
  await until(() => attacked.engine.streams === 0 && attacked.engine.upstreamConnections === 1)
  expect((await ask(other, POST, 'x')).text).toBe('small')
})

test('nor of one that is not repeatable, once they have not been read for heldMs', async () => {
  const attacked = await downloads({ heldMs: 50 })
  const replaced = replacements()
  await holdTwo(attacked)
  const other = client(attacked.port)
  await until(() => replaced.mock.calls.length > 0)
  for (let count = 0; count < 20; count++) expect((await ask(other, POST, 'x')).text).toBe('small')
})

test('downloads that are abandoned in the middle cause no refusal of the next request', async () => {
  const attacked = await downloads({})
  const other = client(attacked.port)
  for (let count = 0; count < 4; count++) {
    const download = other.request({ ':path': '/large' })
    let bytes = 0
    await new Promise<void>((resolve) => {
      download.on('data', (chunk: Buffer) => {
        if ((bytes += chunk.length) < 300_000) return
        download.close(constants.NGHTTP2_CANCEL)
        resolve()
      })
    })
    await until(() => attacked.engine.streams === 0)
    expect((await ask(other, POST, 'x')).text).toBe('small')
  }
})

test('the number of replaced connections is limited', async () => {
  const { port } = await app((stream) => {
    stream.respond({ ':status': 200 })
    stream.end(LARGE)
  })
  const replaced = replacements()
  const attacked = await hop(port, { limits: { heldMs: 20, poolSessions: 2 } })
  const unread = new RawClient(
    attacked.port,
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])),
    ]),
  )
  for (let count = 0; count < 12; count++) {
    unread.send(frame(FRAME.headers, 5, 2 * count + 1, literals(GET)))
    await until(() => replaced.mock.calls.length + unread.of(FRAME.rstStream).length > count)
  }
  expect(attacked.engine.upstreamConnections).toBeLessThanOrEqual(4)
})
