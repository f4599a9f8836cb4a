import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { readBaggageKey } from '@branchline/wire/baggage'
import { ROUTED_HEADER, TUNNEL_PATH } from '@branchline/wire/names'
import {
  environmentNumber,
  mintRequestId,
  mintTraceparent,
  requestIdNumber,
  traceIdNumber,
  traceparentId,
} from '@branchline/wire/trace-id'
import { readTracestateKey } from '@branchline/wire/tracestate'
import { encodeFrame, encodeOpen } from '@branchline/wire/tunnel/frame'
import { TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import { WebSocket } from 'ws'
import { DEFAULT_RELAY_LIMITS } from './limits.ts'
import { appFor, BOUND_TOKEN, relayFor, TOKEN, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'
import { cleanUp, later } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const mirror: RequestListener = (request, response) => {
  response.end(JSON.stringify({ url: request.url, headers: request.headers, raw: request.rawHeaders }))
}

interface Mirrored {
  url: string
  headers: Record<string, string>
  raw: string[]
}

/** What the app of alice's preview receives when a visitor sends these fields. */
async function arrives(
  headers: Record<string, string>,
  variables: Record<string, string> = {},
): Promise<Mirrored> {
  const relay = await relayFor(variables)
  const { endpoint } = await appFor(mirror)
  await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
  const reply = await visit(relay.httpPort, { host: 'web--alice.localhost', headers })
  expect(reply.status).toBe(200)
  return JSON.parse(reply.body) as Mirrored
}

/** Sends raw bytes, and returns everything that comes back. */
async function raw(port: number, bytes: string | Buffer): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (data) => (text += data.toString('latin1'))).on('error', () => {})
  socket.write(bytes)
  await once(socket, 'close')
  return text
}

/**
 * Attack: a visitor of alice's URL writes bob's key wherever a sidecar might read one, and so reaches another branch
 * (lapdev's fifth defect). Fix: only the host decides. The relay overwrites or removes all of those fields.
 */
describe('a forged key', () => {
  const bob = environmentNumber('bob')
  const alice = environmentNumber('alice')
  const forgedTrace = traceparentId(mintTraceparent(bob)) as string

  test.each([
    ['tracestate', 'branchline=bob'],
    ['tracestate', 'a=1,branchline=bob,branchline=carol'],
    ['tracestate', ' branchline=bob ,a=1'],
    ['baggage', 'branchline=bob'],
    ['baggage', 'branchline = bob;ttl=1,x=y'],
    ['traceparent', mintTraceparent(bob)],
    ['x-request-id', mintRequestId(bob)],
    ['b3', `${forgedTrace}-b7ad6b7169203331-1`],
    ['x-b3-traceid', forgedTrace],
    ['uber-trace-id', `${forgedTrace}:b7ad6b7169203331:0:1`],
    ['x-cloud-trace-context', `${forgedTrace}/1;o=1`],
    ['kubernetes-route-as', 'bob'],
    [ROUTED_HEADER, 'bob'],
    ['x-branchline-anything', 'bob'],
  ])('in %s: %s', async (name, value) => {
    for (const mode of ['restart', 'keep']) {
      const variables = { BRANCHLINE_TRACE: mode, BRANCHLINE_HEADER: 'kubernetes-route-as' }
      const { headers } = await arrives({ [name]: value }, variables)
      expect(readTracestateKey(headers['tracestate'] as string)).toBe('alice')
      expect(readBaggageKey(headers['baggage'] as string)).toBe('alice')
      expect(traceIdNumber(traceparentId(headers['traceparent'] as string) as string)).toBe(alice)
      expect(requestIdNumber(headers['x-request-id'] as string)).toBe(alice)
      expect(JSON.stringify(headers)).not.toMatch(new RegExp(`bob|carol|${bob}`))
      expect(Object.keys(headers).filter((field) => field.startsWith('x-branchline-'))).toEqual([])
    }
  })

  test('in two fields of one name, in any case of letters', async () => {
    const relay = await relayFor()
    const { endpoint } = await appFor(mirror)
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
    const text = await raw(
      relay.httpPort,
      'GET / HTTP/1.1\r\nHost: web--alice.localhost\r\nTraceState: a=1\r\nTRACESTATE: branchline=bob\r\n' +
        'tracestate: c=3\r\nConnection: close\r\n\r\n',
    )
    expect(text).toContain('"tracestate":"branchline=alice,a=1,c=3"')
    expect(text).not.toContain('bob')
  })

  test('by naming the relay’s own fields hop-by-hop, so that they would be dropped', async () => {
    const { headers } = await arrives({
      connection: 'keep-alive, tracestate, baggage, traceparent, x-request-id',
    })
    expect(readTracestateKey(headers['tracestate'] ?? '')).toBe('alice')
    expect(readBaggageKey(headers['baggage'] ?? '')).toBe('alice')
  })
})

/** Attack: a field that the relay writes or removes arrives in the trailers, which an app may treat as headers. */
describe('a field of the relay in the trailers of a request', () => {
  const post = async (trailer: string): Promise<string> => {
    const relay = await relayFor()
    const { endpoint } = await appFor((request, response) => {
      request.resume().on('end', () => response.end(JSON.stringify(request.trailers)))
    })
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
    return raw(
      relay.httpPort,
      'POST / HTTP/1.1\r\nHost: web--alice.localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n' +
        `1\r\nx\r\n0\r\n${trailer}\r\n\r\n`,
    )
  }
  test.each(['Tracestate: branchline=bob', 'x_request_id: 1', 'X-Forwarded-For: 10.0.0.1'])(
    '%s is refused',
    async (trailer) => {
      const text = await post(trailer)
      expect(text).toMatch(/^HTTP\/1\.1 400 /)
      expect(text).toContain(`trailer ${trailer.split(':', 1)[0]} is refused`)
    },
  )

  test('other trailers pass', async () => {
    expect(await post('X-Checksum: abc')).toContain('{"x-checksum":"abc"}')
  })
})

/**
 * Attack: a visitor forges its address in a header. Fix: the relay writes forwarded fields itself.
 */
test('a forged x-forwarded-for is overwritten', async () => {
  const forged = { 'x-forwarded-for': '10.0.0.1', 'x-real-ip': '10.0.0.1', forwarded: 'for=10.0.0.1' }
  const { headers } = await arrives({ ...forged, 'x-forwarded-proto': 'https', 'x-forwarded-port': '1' })
  expect(JSON.stringify(headers)).not.toContain('10.0.0.1')
  expect(headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' })
  expect(headers['x-forwarded-port']).toBeUndefined()
})

/** Attack: two hosts in one request, so that the relay and the app disagree about its preview. */
describe('host confusion', () => {
  const send = async (head: string): Promise<string> => {
    const relay = await relayFor()
    const { endpoint } = await appFor(mirror)
    const previews = [previewOf('alice'), previewOf('bob')]
    const services = { 'alice/web:80': endpoint, 'bob/web:80': endpoint }
    await TestCluster.connect(relay.tunnelPort, 'dev', previews, services)
    return raw(relay.httpPort, `${head}Connection: close\r\n\r\n`)
  }
  test.each([
    ['two Host fields', 'GET / HTTP/1.1\r\nHost: web--alice.localhost\r\nHost: web--bob.localhost\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\n'],
    ['a list of hosts', 'GET / HTTP/1.1\r\nHost: web--alice.localhost, web--bob.localhost\r\n'],
    ['a user before the host', 'GET / HTTP/1.1\r\nHost: web--alice.localhost@web--bob.localhost\r\n'],
  ])('%s reaches no preview', async (_what, head) => {
    expect(await send(head)).toMatch(/^HTTP\/1\.1 4\d\d /)
  })

  test('an absolute target overrides Host, for the relay and the app', async () => {
    const text = await send('GET http://web--bob.localhost/ HTTP/1.1\r\nHost: web--alice.localhost\r\n')
    expect(text).toContain('"tracestate":"branchline=bob"')
    expect(text).not.toContain('alice')
  })

  test('x-forwarded-host changes nothing', async () => {
    const text = await send(
      'GET / HTTP/1.1\r\nHost: web--alice.localhost\r\nX-Forwarded-Host: web--bob.localhost\r\n',
    )
    expect(text).toContain('"tracestate":"branchline=alice"')
    expect(text).not.toContain('bob')
  })

  test('markup in a host is not written into a page', async () => {
    const text = await send('GET / HTTP/1.1\r\nHost: <script>alert(1)</script>\r\nAccept: text/html\r\n')
    expect(text).toMatch(/^content-type: text\/plain/m)
  })
})

/** Attack: a stranger registers or takes over previews. Fix: a credential, required before the WebSocket upgrade. */
describe('a forged tunnel credential', () => {
  const status = async (port: number, path: string, headers: Record<string, string>): Promise<unknown> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, TUNNEL_SUBPROTOCOL, { headers })
    const [error] = (await once(socket, 'error')) as [Error]
    return error.message
  }
  test.each([
    ['none', {}],
    ['a wrong one', { authorization: 'Bearer wrong-token-of-the-same-size-0' }],
    ['an empty one', { authorization: 'Bearer ' }],
    ['a prefix of the right one', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['one in a list', { authorization: `Bearer ${TOKEN},x` }],
  ])('%s is a 401', async (_what, headers) => {
    const relay = await relayFor()
    expect(await status(relay.tunnelPort, TUNNEL_PATH, headers as Record<string, string>)).toContain('401')
  })

  test('is required before the path is checked', async () => {
    const relay = await relayFor()
    expect(await status(relay.tunnelPort, '/secret', {})).toContain('401')
    expect(await status(relay.tunnelPort, '/secret', { authorization: `Bearer ${TOKEN}` })).toContain('404')
  })
})

/** Attack: bytes that violate the protocol, to crash the relay or to exhaust its memory. */
describe('garbage on the tunnel’s port', () => {
  const connected = async (port: number): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${TUNNEL_PATH}`, TUNNEL_SUBPROTOCOL, {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    await once(socket, 'open')
    return socket
  }
  const target = { environment: 'alice', service: 'web', port: 80 }
  test.each([
    ['a text message', 'hello', 4002],
    ['random bytes', Buffer.from('deadbeefdeadbeefdeadbeef', 'hex'), 4002],
    ['a frame of an unknown stream', encodeFrame('end', 9), 4002],
    ['an OPEN with an id that only the relay may use', encodeOpen(2, target), 4002],
    [
      'update before register',
      encodeFrame('control', 0, Buffer.from('{"type":"update","upsert":[],"remove":[]}')),
      4002,
    ],
    ['a message over the limit', Buffer.alloc(5 * 1024 * 1024), 1009],
  ])('%s closes that connection, and the relay keeps serving', async (_what, bytes, code) => {
    const relay = await relayFor()
    const { endpoint } = await appFor(mirror)
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
    const socket = await connected(relay.tunnelPort)
    socket.on('error', () => {})
    socket.send(bytes)
    const [closed] = (await once(socket, 'close')) as [number]
    expect(closed).toBe(code)
    expect((await visit(relay.httpPort, { host: 'web--alice.localhost' })).status).toBe(200)
  })

  test('a connection without a timely registration is closed', async () => {
    const relay = await relayFor({}, { registerMs: 30 })
    const socket = await connected(relay.tunnelPort)
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(4004)
  })

  test('refused peers that keep their connections half-open do not block a cluster', async () => {
    const tunnelPort = { ...DEFAULT_RELAY_LIMITS.tunnelPort, waiting: 2, waitingPerAddress: 2 }
    const relay = await relayFor({}, { tunnelPort })
    const upgrade = `GET ${TUNNEL_PATH} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`
    const peers = Array.from({ length: 3 }, () =>
      connect({ port: relay.tunnelPort, host: '127.0.0.1', allowHalfOpen: true }),
    )
    later(async () => peers.forEach((peer) => peer.destroy()))
    for (const peer of peers) {
      peer.on('error', () => {}).resume()
      const ended = once(peer, 'end')
      peer.write(upgrade)
      await ended
    }
    const cluster = await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')])
    expect(cluster.registered).toBe(1)
  })

  test('bytes that are not even HTTP are a 400', async () => {
    const relay = await relayFor()
    expect(await raw(relay.tunnelPort, Buffer.from('\u0016\u0003\u0001\u0002\u0000garbage\r\n\r\n'))).toMatch(
      /^HTTP\/1\.1 400 /,
    )
  })

  test('a stream that a cluster opens is refused, and no address is dialled for it', async () => {
    const relay = await relayFor()
    const cluster = await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')])
    const stream = cluster.dialler.link?.open(target)
    let error: unknown
    if (stream !== undefined)
      stream.receiver = { ...stream.receiver, onClose: (reason) => void (error = reason) }
    await until(() => error !== undefined)
    expect(error).toMatchObject({ fault: 'refused' })
  })
})

/**
 * Attack: a tenant opens connections with its own token, registers nothing, and opens them again when they time out. It
 * occupies all 256 links of the relay, so that no other tenant's cluster can connect. Fix: each credential has a share.
 */
describe('a tenant that takes connections of clusters', () => {
  const open = async (port: number, token: string): Promise<number> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${TUNNEL_PATH}`, TUNNEL_SUBPROTOCOL, {
      headers: { authorization: `Bearer ${token}` },
    })
    later(async () => socket.terminate())
    socket.on('error', () => {})
    return new Promise((resolve) => {
      socket.once('open', () => resolve(101))
      socket.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0))
    })
  }

  test('gets a 503 above its share, and other tenants keep theirs', async () => {
    const tunnelPort = { ...DEFAULT_RELAY_LIMITS.tunnelPort, accepted: 4 }
    const relay = await relayFor({}, { tunnelPort, credentialLinks: 2 })
    const seen: number[] = []
    for (const token of [TOKEN, TOKEN, TOKEN, TOKEN, BOUND_TOKEN]) {
      seen.push(await open(relay.tunnelPort, token))
    }
    expect(seen).toEqual([101, 101, 503, 503, 101])
  })
})
