/** Visitors with TLS: ALPN, SNI, resumption, limits, the redirect, HSTS, and hosts that the certificate does not name. */
import { once } from 'node:events'
import * as http2 from 'node:http2'
import { request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'
import { appFor, visit } from '../../fixture.ts'
import { previewOf, TestCluster } from '../../fixture-cluster.ts'
import type { RelayLimits } from '../../limits.ts'
import { ALICE, ask, type Echo, echoApp, relayTo } from './fixture.ts'
import { certificateFor, hasOpenssl } from './fixture-tls.ts'
import type { HttpsOptions } from './listeners.ts'

afterEach(cleanUp)

const BOB = 'web--bob.localhost'
const OTHER = 'other.example'
/** What a client says of a handshake that failed. */
const REFUSED = /alert|disconnected|ECONNRESET|hang up|version|protocol/i

describe.skipIf(!hasOpenssl)(`TLS${hasOpenssl ? '' : ' (skipped: there is no openssl)'}`, () => {
  const certificates = hasOpenssl
    ? { alice: certificateFor(ALICE, BOB), other: certificateFor(OTHER) }
    : (undefined as never)

  const find = (name: string | undefined): tls.SecureContext | undefined =>
    name === OTHER
      ? certificates.other.context
      : name?.endsWith('.localhost') === true
        ? certificates.alice.context
        : undefined

  /** Starts a relay with TLS, and an app that responds with what it received. */
  async function secureRelay(
    https: Partial<HttpsOptions> = {},
    limits: Partial<RelayLimits> = {},
    endpoint?: string,
  ) {
    const options = { port: 0, secureContextFor: find, ...https }
    const { relay } = await relayTo(endpoint ?? (await echoApp()), { https: options, limits })
    return { ...relay, https: relay.httpsPort ?? 0 }
  }

  async function connect(port: number, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      servername: ALICE,
      ca: [certificates.alice.cert, certificates.other.cert],
      ...options,
    })
    socket.on('error', () => {})
    later(() => void socket.destroy())
    await once(socket, 'secureConnect')
    return socket
  }

  async function sessionOf(port: number, servername = ALICE): Promise<http2.ClientHttp2Session> {
    const socket = await connect(port, { servername, ALPNProtocols: ['h2'] })
    expect(socket.alpnProtocol).toBe('h2')
    const session = http2.connect(`https://${servername}`, { createConnection: () => socket })
    session.on('error', () => {})
    later(() => session.destroy())
    return session
  }

  /** Sends one request of HTTP/1.1. */
  async function get(port: number, options: { host?: string; servername?: string } = {}) {
    const { host = ALICE, servername = ALICE } = options
    const ca = [certificates.alice.cert, certificates.other.cert]
    const sent = request({ host: '127.0.0.1', port, servername, ca, agent: false, headers: { host } })
    sent.end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    let body = ''
    for await (const chunk of response) body += String(chunk)
    return { status: response.statusCode, headers: response.headers, body }
  }

  test('both versions are served, and the app learns the scheme', async () => {
    const { https } = await secureRelay()
    const first = await get(https)
    expect(first.status).toBe(200)
    expect((JSON.parse(first.body) as Echo).headers).toMatchObject({
      host: ALICE,
      'x-forwarded-proto': 'https',
    })
    expect(first.headers).not.toHaveProperty('strict-transport-security')
    const second = await ask(await sessionOf(https))
    expect((JSON.parse(second.text) as Echo).headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'https',
      forwarded: `for=127.0.0.1;host="${ALICE}";proto=https`,
    })
  })

  test('large bodies pass in both directions', async () => {
    const body = 'x'.repeat(1_000_000)
    const { https } = await secureRelay()
    const { text } = await ask(await sessionOf(https), { ':method': 'POST' }, body)
    expect((JSON.parse(text) as Echo).body === body).toBe(true)
  })

  test('WebSockets run over TLS', async () => {
    const { endpoint, server } = await appFor((_request, response) => void response.end())
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
    const { https } = await secureRelay({}, {}, endpoint)
    const socket = new WebSocket(`wss://${ALICE}:${https}`, {
      ca: certificates.alice.cert,
      lookup: (_host, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    })
    later(() => socket.terminate())
    await once(socket, 'open')
    socket.send('hello')
    expect(String((await once(socket, 'message'))[0])).toBe('hello')
  })

  test('SNI selects the certificate, in any case of letters', async () => {
    const { https } = await secureRelay()
    const named = await connect(https, { servername: OTHER })
    expect(named.getPeerCertificate().subjectaltname).toBe(`DNS:${OTHER}`)
    const upper = await connect(https, {
      servername: ALICE.toUpperCase(),
      checkServerIdentity: () => undefined,
    })
    expect(upper.getPeerCertificate().subjectaltname).toContain(ALICE)
  })

  test('without a certificate, the handshake fails; a default certificate serves clients without SNI', async () => {
    const { https } = await secureRelay()
    await expect(connect(https, { servername: 'unknown.example' })).rejects.toThrow(REFUSED)
    await expect(connect(https, { servername: '' })).rejects.toThrow(REFUSED)
    const withDefault = await secureRelay({ secureContextFor: () => certificates.alice.context })
    const socket = await connect(withDefault.https, {
      servername: '',
      ALPNProtocols: ['http/1.1'],
      checkServerIdentity: () => undefined,
    })
    expect(socket.authorized).toBe(true)
  })

  test('a changed certificate is used by the next handshake, and open connections stay', async () => {
    let current = certificates.other.context
    const { https } = await secureRelay({ secureContextFor: () => current })
    const before = await connect(https, { checkServerIdentity: () => undefined })
    current = certificates.alice.context
    const after = await connect(https)
    expect(after.authorized).toBe(true)
    expect(before.destroyed).toBe(false)
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s is accepted, and its sessions are resumed',
    async (version) => {
      const { https } = await secureRelay()
      const options = { minVersion: version, maxVersion: version }
      const first = await connect(https, options)
      // TLS 1.3 sends tickets after the handshake.
      const session =
        version === 'TLSv1.2'
          ? first.getSession()
          : new Promise<Buffer>((resolve) => first.once('session', resolve))
      first.write(`GET / HTTP/1.1\r\nhost: ${ALICE}\r\n\r\n`)
      await once(first, 'data')
      const second = await connect(https, { ...options, session: await session })
      expect(second.isSessionReused()).toBe(true)
    },
  )

  test('TLS 1.1 is refused', async () => {
    const { https } = await secureRelay()
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await expect(connect(https, old)).rejects.toThrow(REFUSED)
  })

  test('a client that offers neither version is refused', async () => {
    const { https } = await secureRelay()
    await expect(connect(https, { ALPNProtocols: ['spdy/1'] })).rejects.toThrow(REFUSED)
  })

  test('a handshake that does not end is cut, and counts until then', async () => {
    const frontend = { handshakeMs: 300, handshakesPerAddress: 2, proxyHeaderMs: 1_000, pending: 100 }
    const { https } = await secureRelay({}, { frontend, connectionsPerAddress: 10 })
    const silent = [net.connect(https, '127.0.0.1'), net.connect(https, '127.0.0.1')]
    let closed = 0
    for (const socket of silent)
      socket
        .on('error', () => {})
        .on('close', () => closed++)
        .resume()
    await Promise.all(silent.map((socket) => once(socket, 'connect')))
    await until(async () => {
      try {
        await connect(https)
        return false
      } catch {
        return true
      }
    })
    await until(() => closed === 2)
    expect((await get(https)).status).toBe(200)
  })

  test('failed handshakes leave no count behind', async () => {
    const { https } = await secureRelay({}, { connectionsPerAddress: 2 })
    for (let count = 0; count < 5; count++) {
      const socket = net.connect(https, '127.0.0.1').on('error', () => {})
      socket.end('GET / HTTP/1.1\r\n\r\n')
      await once(socket.resume(), 'close')
    }
    expect((await get(https)).status).toBe(200)
  })

  test('a host that the certificate does not name is a 421, also on a coalesced connection', async () => {
    const { https, tunnelPort } = await secureRelay()
    await TestCluster.connect(tunnelPort, 'second', [previewOf('bob')])
    const session = await sessionOf(https)
    const wrong = await ask(session, { ':authority': OTHER, accept: 'application/json' })
    expect([wrong.headers[':status'], JSON.parse(wrong.text)]).toMatchObject([421, { reason: 'misdirected' }])
    // The certificate names this host as well, so a browser may use the same connection.
    expect((await ask(session, { ':authority': `${BOB}:443` })).headers[':status']).not.toBe(421)
    expect((await get(https, { host: OTHER })).status).toBe(421)
    expect((await get(https, { host: ALICE, servername: OTHER })).status).toBe(421)
  })

  test('requests without TLS are redirected with path and query, except challenges', async () => {
    const { httpPort, https } = await secureRelay({ redirect: true })
    const moved = await visit(httpPort, { host: `${ALICE}:8080`, path: '/a?b=c', method: 'POST', body: 'x' })
    expect(moved.status).toBe(308)
    expect(moved.headers['location']).toBe(`https://${ALICE}:${https}/a?b=c`)
    expect(moved.headers['cache-control']).toBe('no-store')
    const path = '/.well-known/acme-challenge/token'
    const challenge = await visit(httpPort, { host: ALICE, path })
    expect([challenge.status, (JSON.parse(challenge.body) as Echo).url]).toEqual([200, path])
    expect((await get(https)).status).toBe(200)
  })

  test('HSTS is in every response over TLS, and in none without', async () => {
    const { httpPort, https } = await secureRelay({ hstsSeconds: 300 })
    const name = 'strict-transport-security'
    expect((await get(https)).headers[name]).toBe('max-age=300')
    const session = await sessionOf(https)
    for (const authority of [ALICE, BOB, OTHER]) {
      expect((await ask(session, { ':authority': authority })).headers[name]).toBe('max-age=300')
    }
    expect((await visit(httpPort, { host: ALICE })).headers).not.toHaveProperty(name)
  })

  test('a stopping relay ends idle connections of both versions', async () => {
    const relay = await secureRelay()
    const { https } = relay
    const first = await connect(https)
    const session = await sessionOf(https)
    await ask(session)
    const closed = [once(first.resume(), 'close'), once(session, 'close')]
    await relay.stop()
    expect(await Promise.all(closed)).toHaveLength(2)
  })
})
