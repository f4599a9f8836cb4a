/**
 * Attack: the name of a circuit's target leads to a public address when the circuit is created, and to an internal one
 * when a request comes (DNS rebinding). Fix: each dial judges the addresses, and connects to one that was judged.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { listenOn } from '../../../testing/ports.ts'
import { IGNORE } from '../../../transport/transport.ts'
import { DialPolicy } from '../../dial-policy.ts'
import { AddressUpstream } from './address.ts'

afterEach(cleanUp)

/** Connects, and resolves with the error, or undefined if it is connected. */
async function dial(upstream: AddressUpstream): Promise<Error | undefined> {
  const transport = upstream.dial()
  const { promise, resolve } = Promise.withResolvers<Error | undefined>()
  transport.receiver = { ...IGNORE, onOpen: () => resolve(undefined), onClose: (error) => resolve(error) }
  const result = await promise
  transport.destroy()
  return result
}

async function internalServer(): Promise<{ port: number; connections: () => number }> {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => {}).resume()
  })
  const port = await listenOn(server)
  later(async () => {
    server.close()
    await once(server, 'close')
  })
  return { port, connections: () => connections }
}

test('a name that comes to lead to an internal address is refused, and nothing connects there', async () => {
  const { port, connections } = await internalServer()
  let address = '203.0.113.7'
  const resolve = async () => [{ address, family: 4 }]
  const upstream = new AddressUpstream(`app.example:${port}`, new DialPolicy(), resolve)
  address = '127.0.0.1'
  expect(await dial(upstream)).toMatchObject({ code: 'BL_DIAL_REFUSED', reason: 'loopback' })
  expect(connections()).toBe(0)
})

test('of several addresses, only those that the policy permits are tried', async () => {
  const { port, connections } = await internalServer()
  const resolve = async () => [
    { address: '10.0.0.1', family: 4 },
    { address: '169.254.169.254', family: 4 },
    { address: '127.0.0.1', family: 4 },
  ]
  const upstream = new AddressUpstream(`app.example:${port}`, new DialPolicy(['127.0.0.1']), resolve)
  expect(await dial(upstream)).toBeUndefined()
  expect(connections()).toBe(1)
})

test.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433', 'localhost'])(
  '%s is refused at the dial too',
  async (host) => {
    const { port, connections } = await internalServer()
    const error = await dial(new AddressUpstream(`${host}:${port}`, new DialPolicy()))
    expect(error).toMatchObject({ code: 'BL_DIAL_REFUSED' })
    expect(connections()).toBe(0)
  },
)

test('a name without an address, or that cannot be resolved, is an error', async () => {
  const policy = new DialPolicy()
  expect(await dial(new AddressUpstream('a.example:1', policy, async () => []))).toMatchObject({
    message: 'a.example has no address',
  })
  const failing = new AddressUpstream('b.example:1', policy, () => Promise.reject(new Error('SERVFAIL')))
  expect(await dial(failing)).toMatchObject({ message: 'SERVFAIL' })
})
