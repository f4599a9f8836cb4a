import { once } from 'node:events'
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { DEFAULT_TUNNEL_LIMITS } from '../tunnel/index.ts'
import { type TextResponse, appFor, relayFor, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'
import type { RelayLimits } from './limits.ts'
import type { RunningRelay } from './relay.ts'
import { cleanUp, later } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const HOST = 'web--alice.localhost'

/** A relay and a cluster of two instances that reach the same app. */
async function twoInstances(
  endpoint: string,
): Promise<{ port: number; tunnelPort: number; instances: [TestCluster, TestCluster] }> {
  const relay = await relayFor()
  const instance = (name: string): Promise<TestCluster> =>
    TestCluster.connect(
      relay.tunnelPort,
      'dev',
      [previewOf('alice')],
      { 'alice/web:80': endpoint },
      { instance: name },
    )
  const instances: [TestCluster, TestCluster] = [await instance('a'), await instance('b')]
  return { port: relay.httpPort, tunnelPort: relay.tunnelPort, instances }
}

/** Visitors that each send one request after the other on their own persistent connection. */
class Load {
  readonly failed: string[] = []
  served = 0
  #going = true
  readonly #visitors: Promise<void>[]

  constructor(port: number, visitors: number, method: string) {
    const agent = new Agent({ keepAlive: true, maxSockets: visitors })
    later(async () => agent.destroy())
    this.#visitors = Array.from({ length: visitors }, () => this.#visit(port, agent, method))
  }

  async stop(): Promise<void> {
    this.#going = false
    await Promise.all(this.#visitors)
  }

  /** Waits until this many more requests were served. */
  async more(count: number): Promise<void> {
    const wanted = this.served + count
    await until(() => this.served >= wanted)
  }

  async #visit(port: number, agent: Agent, method: string): Promise<void> {
    while (this.#going) {
      const sent = request({ host: '127.0.0.1', port, agent, method, headers: { host: HOST } })
      sent.end(method === 'POST' ? 'x'.repeat(3_000) : undefined)
      try {
        const [response] = (await once(sent, 'response')) as [IncomingMessage]
        let text = ''
        for await (const chunk of response) text += String(chunk)
        this.served++
        if (response.statusCode !== 200) this.failed.push(`${response.statusCode} ${text}`)
      } catch (error) {
        this.failed.push(String(error))
      }
    }
  }
}

describe('a cluster of two instances', () => {
  test('serves a preview over both connections', async () => {
    const { endpoint } = await appFor((_, response) => response.end('app'))
    const { port, instances } = await twoInstances(endpoint)
    const load = new Load(port, 8, 'GET')
    await load.more(200)
    await load.stop()
    expect(load.failed).toEqual([])
    expect(instances.map(({ streams }) => streams.length > 0)).toEqual([true, true])
  })

  test('announces that one goes away: it gets no new stream, its running stream ends normally, and nothing fails', async () => {
    const held: (() => void)[] = []
    const { endpoint } = await appFor((incoming, response) => {
      if (incoming.url === '/slow') held.push(() => response.end('slow'))
      else incoming.resume().on('end', () => response.end('app'))
    })
    const { port, instances } = await twoInstances(endpoint)
    const [leaving, staying] = instances
    // One for each instance: the second request goes to the instance with fewer streams.
    const slow = [1, 2].map(() => visit(port, { host: HOST, path: '/slow' }))
    await until(() => held.length === 2)
    expect(instances.map(({ streams }) => streams.length)).toEqual([1, 1])
    const loads = [new Load(port, 4, 'GET'), new Load(port, 4, 'POST')]
    await Promise.all(loads.map((load) => load.more(50)))
    const link = leaving.dialler.link
    link?.goAway('it stops')
    // Idle streams are closed at once, so that the instance need not wait for them.
    await until(() => link?.streams === 1)
    const before = leaving.streams.length
    await Promise.all(loads.map((load) => load.more(100)))
    expect(leaving.streams.length).toBe(before)
    for (const reply of held) reply()
    expect((await Promise.all(slow)).map(({ body }) => body)).toEqual(['slow', 'slow'])
    await until(() => link?.streams === 0)
    leaving.dialler.stop()
    await Promise.all(loads.map((load) => load.more(50)))
    await Promise.all(loads.map((load) => load.stop()))
    expect(loads.flatMap(({ failed }) => failed)).toEqual([])
    expect(staying.dialler.link?.closed).toBe(false)
  })

  test('loses one abruptly: repeatable requests go to the other one, and nothing fails', async () => {
    const { endpoint } = await appFor((_, response) => void setImmediate(() => response.end('app')))
    const { port, instances } = await twoInstances(endpoint)
    const load = new Load(port, 8, 'GET')
    for (let round = 0; round < 10; round++) {
      await load.more(30)
      const { dialler, registered } = instances[round % 2] as TestCluster
      dialler.link?.terminate()
      // It dials again and registers before the other one is cut.
      await until(() => (instances[round % 2] as TestCluster).registered > registered)
    }
    await load.stop()
    expect(load.failed).toEqual([])
  })

  test('loses one in the middle of a POST: the POST is not sent again, and its visitor gets an error', async () => {
    let arrived = 0
    const { endpoint } = await appFor((incoming) => void incoming.resume().on('end', () => arrived++))
    const { port, instances } = await twoInstances(endpoint)
    const reply = visit(port, { host: HOST, method: 'POST', body: 'once' })
    await until(() => arrived === 1)
    for (const { dialler, streams } of instances) if (streams.length > 0) dialler.link?.terminate()
    const { status, body } = await reply
    expect(status).toBe(502)
    expect(JSON.parse(body)).toMatchObject({ reason: 'tunnel-lost' })
    expect(arrived).toBe(1)
  })

  test('has a connection replaced when the same instance connects again', async () => {
    const { endpoint } = await appFor((_, response) => response.end('app'))
    const { tunnelPort, instances } = await twoInstances(endpoint)
    await TestCluster.connect(tunnelPort, 'dev', [previewOf('alice')], {}, { instance: 'a' })
    await until(() => instances[0].downs.length > 0)
    expect(instances[0].downs[0]?.status).toBe(4005)
    instances[0].dialler.stop()
    expect(instances[1].downs).toEqual([])
  })

  test('learns which instance leads, and so does one that connects later', async () => {
    const { endpoint } = await appFor((_, response) => response.end('app'))
    const { tunnelPort, instances } = await twoInstances(endpoint)
    const leads = (index: 0 | 1): void =>
      instances[index].dialler.link?.control({ type: 'update', upsert: [], remove: [], leads: true })
    leads(0)
    await until(() => instances[1].led === 1)
    leads(1)
    await until(() => instances[0].led === 1)
    const later = await TestCluster.connect(tunnelPort, 'dev', [], {}, { instance: 'c' })
    await until(() => later.led === 1)
    expect(instances.map(({ led }) => led)).toEqual([1, 1])
    const other = await TestCluster.connect(tunnelPort, 'other', [], {}, { instance: 'a' })
    expect(other.led).toBe(0)
  })

  test('has further connections of one instance, which only hear about other instances', async () => {
    const { endpoint } = await appFor((_, response) => response.end('app'))
    const { tunnelPort, instances } = await twoInstances(endpoint)
    const [one, two] = instances
    const further = await TestCluster.connect(tunnelPort, 'dev', [], {}, { instance: 'a', link: 1 })
    expect(further.offered).toBe(2_048)
    one.dialler.link?.control({ type: 'update', upsert: [], remove: [], leads: true })
    await until(() => two.led === 1)
    two.dialler.link?.control({ type: 'update', upsert: [], remove: [], leads: true })
    await until(() => one.led === 1 && further.led === 1)
    expect([one.downs, further.downs]).toEqual([[], []])
  })

  test('has as many connections as the relay allows', async () => {
    const relay = await relayFor({}, { clusterLinks: 1 })
    await TestCluster.connect(relay.tunnelPort, 'dev', [], {}, { instance: 'a' })
    const second = new TestCluster(relay.tunnelPort, 'dev', [], { instance: 'b' })
    await until(() => second.downs.length > 0)
    expect(second.downs[0]).toMatchObject({
      status: 4007,
      message: 'the cluster dev has 1 connections, which is the limit',
    })
    second.dialler.stop()
  })
})

/** Requests that wait at a relay. */
async function heldAt(adminPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  return Number(/^branchline_relay_held (\d+)$/m.exec(text)?.[1])
}

describe('a cluster whose links are full', () => {
  const tunnel = { ...DEFAULT_TUNNEL_LIMITS, streams: 1 }
  const full = async (
    limits: Partial<RelayLimits>,
  ): Promise<RunningRelay & { endpoint: string; held: ServerResponse[]; slow: Promise<TextResponse> }> => {
    const held: ServerResponse[] = []
    const { endpoint } = await appFor((incoming, response) => {
      if (incoming.url === '/slow') held.push(response)
      else incoming.pipe(response)
    })
    const relay = await relayFor({}, { tunnel, ...limits })
    const services = { 'alice/web:80': endpoint }
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], services)
    const slow = visit(relay.httpPort, { host: HOST, path: '/slow' })
    await until(() => held.length === 1)
    return { ...relay, endpoint, held, slow }
  }
  const post = { host: HOST, method: 'POST', body: 'once' }

  test('responds to one more request with 503, not 502', async () => {
    const { httpPort: port } = await full({})
    const { status, headers, body } = await visit(port, post)
    expect([status, headers['retry-after']]).toEqual([503, '2'])
    expect(JSON.parse(body)).toMatchObject({ reason: 'cluster-busy' })
  })

  test('lets requests wait for room, and serves them one after the other', async () => {
    const { httpPort: port, adminPort, held, slow } = await full({ hold: { holdMs: 20_000, held: 100 } })
    const waiting = Array.from({ length: 5 }, () => visit(port, post))
    await until(async () => (await heldAt(adminPort)) === 5)
    held[0]?.end('slow')
    const replies = new Set((await Promise.all(waiting)).map(({ status, body }) => `${status} ${body}`))
    expect(replies).toEqual(new Set(['200 once']))
    expect((await slow).body).toBe('slow')
  })

  test('also lets them wait for a further link', async () => {
    const { httpPort: port, tunnelPort, endpoint } = await full({ hold: { holdMs: 20_000, held: 100 } })
    const waiting = visit(port, post)
    const services = { 'alice/web:80': endpoint }
    await TestCluster.connect(tunnelPort, 'dev', [previewOf('alice')], services, { link: 1 })
    expect(await waiting).toMatchObject({ status: 200, body: 'once' })
  })

  test('lets them wait up to the limit, then responds with 503', async () => {
    const { httpPort: port } = await full({ hold: { holdMs: 50, held: 100 } })
    const { status, body } = await visit(port, post)
    expect([status, body]).toEqual([503, expect.stringContaining('cluster-busy')])
  })
})

describe('a cluster of one instance that has just disconnected', () => {
  const hold = { holdMs: 20_000, held: 100 }
  const only = async (
    endpoint: string,
    limits: Partial<RelayLimits> = { hold },
  ): Promise<{ port: number; tunnelPort: number; adminPort: number; cluster: TestCluster }> => {
    const { httpPort: port, tunnelPort, adminPort } = await relayFor({}, limits)
    const services = { 'alice/web:80': endpoint }
    return {
      port,
      tunnelPort,
      adminPort,
      cluster: await TestCluster.connect(tunnelPort, 'dev', [previewOf('alice')], services),
    }
  }

  test('lets its requests wait until it is back, so that no repeatable request fails', async () => {
    const { endpoint } = await appFor((_, response) => void setImmediate(() => response.end('app')))
    // As many as there are visitors: a leaked count would block one of them.
    const bounds = { requestsPerPreview: 8, requestsPerAddress: 8 }
    const { port, cluster } = await only(endpoint, { hold, ...bounds })
    const load = new Load(port, 8, 'GET')
    for (let round = 0; round < 5; round++) {
      await load.more(30)
      const { registered } = cluster
      cluster.dialler.link?.terminate()
      await until(() => cluster.registered > registered)
    }
    await load.stop()
    expect(load.failed).toEqual([])
  })

  test('lets a request with a body wait, which then arrives complete', async () => {
    const { endpoint } = await appFor((incoming, response) => void incoming.pipe(response))
    const { port, tunnelPort, cluster } = await only(endpoint)
    cluster.dialler.stop()
    await until(() => cluster.dialler.link?.closed !== false)
    const body = 'x'.repeat(300_000)
    const reply = visit(port, { host: HOST, method: 'POST', body })
    const services = { 'alice/web:80': endpoint }
    await TestCluster.connect(tunnelPort, 'dev', [previewOf('alice')], services)
    expect(await reply).toMatchObject({ status: 200, body })
  })

  test('forgets a request whose visitor leaves while it waits', async () => {
    const { endpoint } = await appFor((_, response) => response.end('app'))
    const bounds = { requestsPerPreview: 1, requestsPerAddress: 1 }
    const { port, tunnelPort, adminPort, cluster } = await only(endpoint, { hold, ...bounds })
    cluster.dialler.stop()
    await until(() => cluster.dialler.link?.closed !== false)
    const left = request({ host: '127.0.0.1', port, headers: { host: HOST } })
    left.on('error', () => {}).end()
    await until(async () => (await heldAt(adminPort)) === 1)
    left.destroy()
    await TestCluster.connect(tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
    // The relay may see the cluster before it sees that the visitor has left.
    await until(async () => (await visit(port, { host: HOST })).body === 'app')
    expect(await visit(port, { host: HOST })).toMatchObject({ body: 'app' })
  })

  test('lets them wait up to the limit, then responds with 502', async () => {
    const { endpoint } = await appFor((_, response) => response.end('app'))
    const { port, cluster } = await only(endpoint, { hold: { holdMs: 50, held: 100 } })
    cluster.dialler.stop()
    const { status, body } = await visit(port, { host: HOST })
    expect([status, body]).toEqual([502, expect.stringContaining('cluster-gone')])
  })

  test('limits the number of waiting requests, and responds to one more at once', async () => {
    const { endpoint } = await appFor((_, response) => response.end('app'))
    const { port, tunnelPort, cluster } = await only(endpoint, { hold: { holdMs: 20_000, held: 1 } })
    cluster.dialler.stop()
    await until(() => cluster.dialler.link?.closed !== false)
    const two = [1, 2].map(() => visit(port, { host: HOST }))
    expect((await Promise.race(two)).status).toBe(502)
    await TestCluster.connect(tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
    const statuses = (await Promise.all(two)).map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([200, 502]))
  })
})
