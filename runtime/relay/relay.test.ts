import { once } from 'node:events'
import { get, type RequestListener } from 'node:http'
import { readTracestateKey } from '@branchline/wire/tracestate'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { appFor, BOUND_TOKEN, relayFor, TOKEN, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

/** Responds with what it received. */
const mirror: RequestListener = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ url: request.url, headers: request.headers }))
}

interface Mirrored {
  url: string
  headers: Record<string, string>
}

describe('a visitor', () => {
  test('reaches the preview of its host, and the request carries the preview’s key', async () => {
    const relay = await relayFor()
    const { endpoint } = await appFor(mirror)
    const services = { 'alice/web:80': endpoint, 'bob/web:80': endpoint }
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice'), previewOf('bob')], services)
    for (const [host, key] of [
      ['web--alice.localhost:8080', 'alice'],
      ['WEB--BOB.localhost.', 'bob'],
    ] as const) {
      const reply = await visit(relay.httpPort, { host, path: '/a?b=c' })
      const { url, headers } = JSON.parse(reply.body) as Mirrored
      expect(reply.status).toBe(200)
      expect(url).toBe('/a?b=c')
      expect(readTracestateKey(headers['tracestate'] as string)).toBe(key)
      expect(headers).toMatchObject({ host, baggage: `branchline=${key}`, 'x-forwarded-for': '127.0.0.1' })
    }
  })

  test('is forwarded without Via, unless BRANCHLINE_VIA is set', async () => {
    const { endpoint } = await appFor(mirror)
    const via = async (variables: Record<string, string>): Promise<string | undefined> => {
      const relay = await relayFor(variables)
      await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
      const { body } = await visit(relay.httpPort, { host: 'web--alice.localhost' })
      return (JSON.parse(body) as Mirrored).headers['via']
    }
    expect([await via({}), await via({ BRANCHLINE_VIA: 'branchline' })]).toEqual([
      undefined,
      '1.1 branchline',
    ])
  })

  test('sends and receives large bodies completely, over reused streams', async () => {
    const relay = await relayFor()
    const { endpoint } = await appFor((request, response) => void request.pipe(response))
    const cluster = await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], {
      'alice/web:80': endpoint,
    })
    const body = 'abcdefgh'.repeat(512 * 1024)
    for (let round = 0; round < 4; round++) {
      const reply = await visit(relay.httpPort, { host: 'web--alice.localhost', method: 'POST', body })
      expect(reply.body === body).toBe(true)
    }
    expect(cluster.streams).toHaveLength(1)
  })

  test('among many at once gets the response of its own preview', async () => {
    const relay = await relayFor()
    const names = ['a', 'b', 'c', 'd']
    const { endpoint } = await appFor((request, response) => {
      response.end(`${readTracestateKey(String(request.headers['tracestate']))}${request.url}`)
    })
    const services = Object.fromEntries(names.map((name) => [`${name}/web:80`, endpoint]))
    await TestCluster.connect(
      relay.tunnelPort,
      'dev',
      names.map((name) => previewOf(name)),
      services,
    )
    const visits = Array.from({ length: 200 }, async (_, index) => {
      const name = names[index % names.length] as string
      const reply = await visit(relay.httpPort, { host: `web--${name}.localhost`, path: `/${index}` })
      return reply.body === `${name}/${index}`
    })
    expect((await Promise.all(visits)).filter((right) => !right)).toEqual([])
  })

  test('upgrades to a WebSocket', async () => {
    const relay = await relayFor()
    const { endpoint, server } = await appFor(mirror)
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket) =>
      socket.on('message', (data: Buffer) => socket.send(`you: ${data.toString()}`)),
    )
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
    const socket = new WebSocket(`ws://127.0.0.1:${relay.httpPort}/chat`, {
      headers: { host: 'web--alice.localhost' },
    })
    await once(socket, 'open')
    socket.send('hi')
    const [data] = (await once(socket, 'message')) as [Buffer]
    expect(data.toString()).toBe('you: hi')
    socket.close(1000)
    await once(socket, 'close')
  })
})

describe('a missing target', () => {
  test('an unknown host gets a 404 page or problem details, with the host escaped', async () => {
    const relay = await relayFor()
    const html = await visit(relay.httpPort, {
      host: 'nobody.localhost',
      headers: { accept: 'text/html,*/*' },
    })
    expect(html.status).toBe(404)
    expect(html.headers['content-type']).toContain('text/html')
    expect(html.body).toContain('No preview or circuit has the host nobody.localhost')
    const json = await visit(relay.httpPort, { host: 'other.example' })
    expect(json.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(json.body)).toMatchObject({ status: 404, reason: 'unknown-host' })
  })

  test('the URLs of a disconnected cluster get a 502 page, and work again once it is back', async () => {
    const relay = await relayFor()
    const { endpoint } = await appFor(mirror)
    const cluster = await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], {
      'alice/web:80': endpoint,
    })
    cluster.dialler.stop()
    const host = 'web--alice.localhost'
    await until(async () => (await visit(relay.httpPort, { host })).status === 502)
    const page = await visit(relay.httpPort, { host, headers: { accept: 'text/html' } })
    expect(page.body).toContain('belongs to the cluster dev, which is not connected')
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
    expect((await visit(relay.httpPort, { host })).status).toBe(200)
  })

  test('the labels of a disconnected cluster become unknown after a while', async () => {
    const relay = await relayFor({}, { goneMs: 40 })
    const cluster = await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')])
    cluster.dialler.stop()
    const status = async (): Promise<number> =>
      (await visit(relay.httpPort, { host: 'web--alice.localhost' })).status
    await until(async () => (await status()) === 404)
    expect(await status()).toBe(404)
  })

  test('a link that is cut in the middle truncates the response visibly, and the next request works', async () => {
    const relay = await relayFor()
    const { endpoint } = await appFor((_, response) => {
      response.writeHead(200, { 'content-length': '1000000' })
      response.write('begun')
    })
    const cluster = await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], {
      'alice/web:80': endpoint,
    })
    const cut = new Promise((resolve) => {
      get(
        { port: relay.httpPort, host: '127.0.0.1', headers: { host: 'web--alice.localhost' } },
        (response) => {
          response.on('error', resolve).on('end', () => resolve('complete'))
          response.once('data', () => cluster.dialler.link?.terminate())
        },
      )
    })
    expect(await cut).toMatchObject({ code: 'ECONNRESET' })
    await until(() => cluster.registered > 1)
    expect((await visit(relay.httpPort, { host: 'nobody.localhost' })).status).toBe(404)
  })

  test('a service that the cluster does not have is a 502 that names it', async () => {
    const relay = await relayFor()
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')])
    const reply = await visit(relay.httpPort, { host: 'web--alice.localhost' })
    expect(reply.status).toBe(502)
    expect(JSON.parse(reply.body)).toMatchObject({
      reason: 'tunnel-unknown',
      title: 'The preview did not respond',
      detail: 'no service web.',
      environment: 'alice',
      service: 'web',
      cause: 'no service web',
    })
  })

  test('a preview that is not public is a 401', async () => {
    const relay = await relayFor()
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice', 'organization')])
    expect((await visit(relay.httpPort, { host: 'web--alice.localhost' })).status).toBe(401)
  })
})

describe('clusters', () => {
  test('of two clusters with one label the first owns it, and the other is refused until the label is free', async () => {
    const relay = await relayFor()
    const { endpoint } = await appFor((_, response) => response.end('second'))
    const first = await TestCluster.connect(relay.tunnelPort, 'one', [previewOf('alice')])
    expect(first.registrations.get('web--alice')).toEqual({
      label: 'web--alice',
      url: 'http://web--alice.localhost:8080',
    })
    const second = await TestCluster.connect(relay.tunnelPort, 'two', [previewOf('alice')], {
      'alice/web:80': endpoint,
    })
    expect(second.registrations.get('web--alice')?.refusal).toMatch(/taken by cluster one/)
    first.dialler.link?.control({ type: 'update', upsert: [], remove: ['web--alice'] })
    await until(() => second.registrations.get('web--alice')?.url !== undefined)
    expect((await visit(relay.httpPort, { host: 'web--alice.localhost' })).body).toBe('second')
  })

  test('a second connection of one cluster replaces the first, which learns the reason', async () => {
    const relay = await relayFor()
    const first = await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')])
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')])
    await until(() => first.downs.length > 0)
    expect(first.downs[0]?.status).toBe(4005)
    first.dialler.stop()
  })

  test('a stopping relay announces it and ends', async () => {
    const relay = await relayFor()
    const cluster = await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')])
    await relay.stop()
    await until(() => cluster.goneAway.length > 0)
    await expect(visit(relay.httpPort, { host: 'web--alice.localhost' })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })

  test('a token that is bound to a cluster is not valid for another', async () => {
    const relay = await relayFor()
    const bound = new TestCluster(relay.tunnelPort, 'bound', [previewOf('alice')], { token: BOUND_TOKEN })
    await until(() => bound.registered > 0)
    const other = new TestCluster(relay.tunnelPort, 'dev', [previewOf('bob')], { token: BOUND_TOKEN })
    await until(() => other.downs.length > 0)
    expect(other.downs[0]?.status).toBe(4006)
    expect(TOKEN).not.toBe(BOUND_TOKEN)
  })
})
