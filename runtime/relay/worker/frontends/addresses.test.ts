/** The addresses of visitors behind load balancers and proxies, as apps and limits see them. */
import { once } from 'node:events'
import * as net from 'node:net'
import * as tls from 'node:tls'
import type { ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'
import { appFor, visit } from '../../fixture.ts'
import { ALICE, type Echo, echoApp, relayTo } from './fixture.ts'
import { certificateFor, hasOpenssl } from './fixture-tls.ts'

afterEach(cleanUp)

const REQUEST = `GET / HTTP/1.1\r\nhost: ${ALICE}\r\nconnection: close\r\n\r\n`
const V1 = 'PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n'
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000ccb0071080a000001126701bb', 'hex')

/** Sends these bytes, and returns everything that comes back. */
async function exchange(port: number, pieces: readonly (string | Buffer)[], localAddress = '127.0.0.1') {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress }).setNoDelay()
  socket.on('error', () => {})
  later(() => void socket.destroy())
  await once(socket, 'connect')
  let text = ''
  socket.on('data', (data) => (text += data.toString()))
  const closed = once(socket, 'close')
  for (const piece of pieces) {
    socket.write(piece)
    await new Promise(setImmediate)
  }
  await closed
  return text
}

const echoed = (answer: string): Echo => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Echo

test('a header of the PROXY protocol names the visitor, in any pieces', async () => {
  const { relay } = await relayTo(await echoApp(), { variables: { BRANCHLINE_PROXY_PROTOCOL: '127.0.0.1' } })
  const addressOf = async (...pieces: (string | Buffer)[]): Promise<string | undefined> =>
    echoed(await exchange(relay.httpPort, pieces)).headers['x-forwarded-for']
  expect(await addressOf(V1 + REQUEST)).toBe('203.0.113.7')
  expect(await addressOf(Buffer.concat([V2, Buffer.from(REQUEST)]))).toBe('203.0.113.8')
  expect(await addressOf(...[...V2].map((byte) => Buffer.of(byte)), REQUEST)).toBe('203.0.113.8')
  expect(await addressOf('PROXY UNKNOWN\r\n', REQUEST)).toBe('127.0.0.1')
})

test('a trusted source must send the header, and any other must not', async () => {
  const { relay } = await relayTo(await echoApp(), {
    variables: { BRANCHLINE_PROXY_PROTOCOL: '127.0.0.1' },
    limits: { frontend: { handshakeMs: 1_000, handshakesPerAddress: 9, proxyHeaderMs: 200, pending: 100 } },
  })
  expect(await exchange(relay.httpPort, [REQUEST])).toBe('')
  // The wait for it is bounded.
  expect(await exchange(relay.httpPort, ['PROXY TCP4 '])).toBe('')
  const forged = await exchange(relay.httpPort, [V1 + REQUEST], '127.0.0.2')
  expect(forged).toMatch(/^HTTP\/1\.1 400 /)
  const plain = await exchange(relay.httpPort, [REQUEST], '127.0.0.2')
  expect(echoed(plain).headers['x-forwarded-for']).toBe('127.0.0.2')
})

test.skipIf(!hasOpenssl)('the header comes before the TLS handshake', async () => {
  const { context, cert } = certificateFor(ALICE)
  const { relay } = await relayTo(await echoApp(), {
    variables: { BRANCHLINE_PROXY_PROTOCOL: '127.0.0.1' },
    https: { port: 0, secureContextFor: () => context },
  })
  const raw = net.connect(relay.httpsPort ?? 0, '127.0.0.1')
  await once(raw, 'connect')
  raw.write(V2)
  const socket = tls.connect({ socket: raw, servername: ALICE, ca: cert })
  later(() => void socket.destroy())
  await once(socket, 'secureConnect')
  let text = ''
  socket.on('data', (data: Buffer) => (text += data.toString()))
  socket.write(REQUEST)
  await once(socket, 'close')
  expect(echoed(text).headers).toMatchObject({
    'x-forwarded-for': '203.0.113.8',
    'x-forwarded-proto': 'https',
  })
})

test('limits of an address count what the header names, and are free again afterwards', async () => {
  const slow: ServerResponse[] = []
  const { endpoint } = await appFor((_request, response) => void slow.push(response))
  const { relay } = await relayTo(endpoint, {
    variables: { BRANCHLINE_PROXY_PROTOCOL: '127.0.0.1' },
    limits: { connectionsPerAddress: 1 },
  })
  const first = exchange(relay.httpPort, [V1 + REQUEST])
  await until(() => slow.length === 1)
  expect(await exchange(relay.httpPort, [V1 + REQUEST])).toBe('')
  const other = exchange(relay.httpPort, [V2, REQUEST])
  await until(() => slow.length === 2)
  for (const response of slow.splice(0)) response.end('ok')
  expect(await first).toContain('ok')
  expect(await other).toContain('ok')
  const again = exchange(relay.httpPort, [V1 + REQUEST])
  await until(() => slow.length === 1)
  slow[0]?.end('again')
  expect(await again).toContain('again')
})

test('what a front says about the client counts only from a front, and only in the configured field', async () => {
  const endpoint = await echoApp()
  const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.7', forwarded: 'for=192.0.2.9' }
  const addressFrom = async (variables: Record<string, string>): Promise<string | undefined> => {
    const { relay } = await relayTo(endpoint, { variables })
    const { body } = await visit(relay.httpPort, { host: ALICE, headers })
    return (JSON.parse(body) as Echo).headers['x-forwarded-for']
  }
  const fronts = { BRANCHLINE_FRONTS: '127.0.0.0/8' }
  expect(await addressFrom({ BRANCHLINE_FRONTS_HEADER: 'x-forwarded-for' })).toBe('127.0.0.1')
  expect(await addressFrom(fronts)).toBe('127.0.0.1')
  expect(await addressFrom({ ...fronts, BRANCHLINE_FRONTS_HEADER: 'x-forwarded-for' })).toBe('203.0.113.7')
  expect(await addressFrom({ ...fronts, BRANCHLINE_FRONTS_HEADER: 'forwarded' })).toBe('192.0.2.9')
})

test('limits of running requests count the clients that a front names', async () => {
  const slow: ServerResponse[] = []
  const { endpoint } = await appFor((_request, response) => void slow.push(response))
  const { relay } = await relayTo(endpoint, {
    variables: { BRANCHLINE_FRONTS: '127.0.0.0/8', BRANCHLINE_FRONTS_HEADER: 'x-forwarded-for' },
    limits: { requestsPerAddress: 1 },
  })
  const from = (address: string) =>
    visit(relay.httpPort, {
      host: ALICE,
      headers: { 'x-forwarded-for': address, accept: 'application/json' },
    })
  const first = from('203.0.113.7')
  await until(() => slow.length === 1)
  const busy = await from('203.0.113.7')
  expect([busy.status, JSON.parse(busy.body)]).toMatchObject([503, { reason: 'visitor-busy' }])
  const other = from('203.0.113.8')
  await until(() => slow.length === 2)
  for (const response of slow.splice(0)) response.end('ok')
  expect([(await first).status, (await other).status]).toEqual([200, 200])
  const again = from('203.0.113.7')
  await until(() => slow.length === 1)
  slow[0]?.end('ok')
  expect((await again).status).toBe(200)
})
