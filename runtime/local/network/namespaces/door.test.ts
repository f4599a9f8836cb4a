import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { dialTcp } from '../dial.ts'
import { createDoor, dialThrough, listenAtPath, parseEndpoint } from './door.ts'

const TIMEOUT_MS = 10_000
let folder: string
const closers: (() => void)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'branchline-door-'))
})
afterEach(() => {
  for (const close of closers.splice(0)) close()
  rmSync(folder, { recursive: true })
})

async function serve(handle: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, handle).listen(0, '127.0.0.1')
  closers.push(() => server.close())
  await once(server, 'listening')
  return (server.address() as { port: number }).port
}

async function door(): Promise<string> {
  const path = join(folder, 'door.sock')
  const server = createDoor((endpoint, _client, timeoutMs) => dialTcp(endpoint, timeoutMs))
  await listenAtPath(server, path)
  closers.push(() => server.close())
  return path
}

test('a connection passes the door with half-close, also if the server speaks first', async () => {
  const port = await serve((socket) => {
    socket.write('welcome ')
    void text(socket).then((received) => socket.end(`received ${received}`))
  })
  const path = await door()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const socket = await dialThrough(path)({ host: '127.0.0.1', port }, TIMEOUT_MS)
  socket.end('all of it')
  expect(await text(socket)).toBe('welcome received all of it')
})

test('the reason of a failure is that of the other side', async () => {
  const port = await serve(() => undefined)
  closers.pop()?.()
  const path = await door()
  const dial = dialThrough(path)
  await expect(dial({ host: '127.0.0.1', port }, TIMEOUT_MS)).rejects.toThrow(
    `connect ECONNREFUSED 127.0.0.1:${port}`,
  )
  await expect(dialThrough(join(folder, 'none'))({ host: 'x', port: 1 }, TIMEOUT_MS)).rejects.toThrow(
    'ENOENT',
  )
})

test('other requests are refused', async () => {
  const socket = connect(await door())
  socket.write('GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n')
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 405 /)
})

test('an endpoint is a name or an address, with a port', () => {
  expect(parseEndpoint('api.example.com:443')).toEqual({ host: 'api.example.com', port: 443 })
  expect(parseEndpoint('[fd00::1]:80')).toEqual({ host: 'fd00::1', port: 80 })
  for (const wrong of ['', 'x', ':80', 'x:', 'x:0', 'x:65536', 'x y:1', 'a:b:1', '[x]:1', 'x:1 ']) {
    expect(parseEndpoint(wrong)).toBeUndefined()
  }
  fc.assert(
    fc.property(fc.string(), (name) => {
      const { host, port } = parseEndpoint(name) ?? { host: 'x', port: 1 }
      expect(host).toMatch(/^[A-Za-z0-9._:-]+$/)
      expect(port > 0 && port < 65_536).toBe(true)
    }),
  )
})
