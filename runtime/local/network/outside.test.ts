import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { dialOutside, isLoopback } from './outside.ts'

// Attack: a process in a pod asks the proxy that leads out for a service of the developer's machine, such as a database
// that listens on loopback only. The proxy refused `localhost` and 127.0.0.1 by name, and other spellings of the same
// address passed. Fix: the address that is dialled decides.

const TIMEOUT_MS = 10_000
const server = createServer((socket) => socket.destroy())
let port: number
let accepted = 0
server.on('connection', () => accepted++)
beforeEach(async () => {
  accepted = 0
  server.listen(0)
  await once(server, 'listening')
  port = (server.address() as { port: number }).port
})
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
})

const SPELLINGS =
  '127.0.0.1 127.255.255.254 0.0.0.0 0 127.1 0x7f.1 0177.0.0.1 2130706433 localhost ::1 :: 0:0:0:0:0:0:0:1 ' +
  '::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:0.0.0.0'

test.each(SPELLINGS.split(' '))('%s is not outside, and gets no connection', async (host) => {
  await expect(dialOutside({ host, port }, TIMEOUT_MS)).rejects.toThrow(/is not outside|ENOTFOUND|EAI_/)
  expect(accepted).toBe(0)
})

test('the addresses of other machines are outside', () => {
  for (const address of [
    '192.0.2.1',
    '10.0.0.1',
    '126.255.255.255',
    '128.0.0.1',
    '2001:db8::1',
    '::ffff:192.0.2.1',
  ])
    expect(isLoopback(address)).toBe(false)
  for (const address of ['::1%lo', '::127.0.0.1', '::ffff:127.9.9.9']) expect(isLoopback(address)).toBe(true)
})
