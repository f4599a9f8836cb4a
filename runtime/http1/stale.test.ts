/** Kept connections that their upstream closes while the next request is on its way. */
import { afterEach, expect, test } from 'vitest'
import { hop, rawServer } from './fixtures.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'

afterEach(cleanUp)

test('a stale pooled connection: the request is repeated if that is safe, and only once', async () => {
  let accepted = 0
  const port = await rawServer((socket) => {
    accepted++
    let served = 0
    socket.on('data', () => {
      if (served++ === 0) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else socket.destroy()
    })
  })
  const { port: at, reports } = await hop(port, { limits: { poolStaleMs: 60_000 } })
  const client = new RawClient(at)
  for (let i = 1; i <= 3; i++) {
    client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.until((text) => text.match(/ok/g)?.length === i)
  }
  expect(accepted).toBe(3)
  client.text = ''
  client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx')
  expect(await client.until((text) => text.includes('\n\r\n'))).toContain('502')
  expect(reports.at(-1)?.error?.code).toBe('BL_HTTP_UPSTREAM_CLOSED')
})

test('a kept connection that is reset was stale; one that ends later has received the request', async () => {
  const heads: string[] = []
  const port = await rawServer((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      socket.once('data', (data) => {
        heads.push(data.toString())
        if (data.includes('/reset')) socket.resetAndDestroy()
        else socket.end()
      })
    })
  })
  // No end is early enough.
  const { port: at } = await hop(port, { limits: { poolStaleMs: 0 } })
  const client = new RawClient(at)
  for (const [target, status] of [
    ['/warm', 200],
    ['/reset', 200],
    ['/end', 502],
  ]) {
    client.text = ''
    client.send(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const text = await client.until((text) => /ok$|responded\n$/.test(text))
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  }
  expect(heads).toHaveLength(2)
})
