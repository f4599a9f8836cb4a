import { once } from 'node:events'
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'
import { appFor, visit } from '../../fixture.ts'
import { apps, circuitOf, seenIn, targetAt, workerWith } from './fixture.ts'

afterEach(cleanUp)

describe('balancing', () => {
  test('each way distributes requests as it says, and weights change live', async () => {
    const endpoints = await apps('a', 'b', 'c')
    const targets = endpoints.map((endpoint, index) => targetAt(`t${index}`, endpoint, { weight: index + 1 }))
    const { port, served } = await workerWith([circuitOf('x', targets)])
    const counts = async (requests: number): Promise<Record<string, number>> => {
      const found: Record<string, number> = {}
      for (let index = 0; index < requests; index++) {
        const { name } = seenIn(await visit(port, { host: 'x.localhost' }))
        found[name] = (found[name] ?? 0) + 1
      }
      return found
    }
    expect(await counts(12)).toEqual({ a: 4, b: 4, c: 4 })
    served.apply({ upsert: [circuitOf('x', targets, { balancing: 'weighted' })] })
    expect(await counts(12)).toEqual({ a: 2, b: 4, c: 6 })
    const live = targets.map((target, index) => ({
      ...target,
      weight: index === 0 ? 4 : index === 1 ? 0 : 2,
    }))
    served.apply({ upsert: [circuitOf('x', live, { balancing: 'weighted' })] })
    expect(await counts(12)).toEqual({ a: 8, c: 4 })
    served.apply({ upsert: [circuitOf('x', targets, { balancing: 'least-connections' })] })
    expect(await counts(12)).toEqual({ a: 4, b: 4, c: 4 })
  })

  test('the least occupied target is chosen, and a WebSocket counts until it is closed', async () => {
    const sockets = new WebSocketServer({ noServer: true })
    const named = async (name: string): Promise<string> => {
      const app = await appFor((_, response) => response.end(JSON.stringify({ name })))
      app.server.on('upgrade', (incoming, socket, head) =>
        sockets.handleUpgrade(incoming, socket, head, (open) => open.send(name)),
      )
      return app.endpoint
    }
    const targets = [targetAt('t1', await named('a')), targetAt('t2', await named('b'))]
    const { port, served } = await workerWith([
      circuitOf('x', targets, { balancing: 'least-connections', limits: { connections: 2 } }),
    ])
    const open = async (): Promise<[WebSocket, string]> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { host: 'x.localhost' } })
      const [name] = (await once(socket, 'message')) as [Buffer]
      return [socket, name.toString()]
    }
    const [first, name] = await open()
    for (let index = 0; index < 4; index++)
      expect(seenIn(await visit(port, { host: 'x.localhost' })).name).not.toBe(name)
    const [second] = await open()
    const busy = await visit(port, { host: 'x.localhost' })
    expect([busy.status, busy.headers['retry-after']]).toEqual([503, '2'])
    expect(JSON.parse(busy.body)).toMatchObject({ type: 'urn:branchline:limit-connections' })
    first.terminate()
    second.terminate()
    await until(() => served.get('x')?.usage.open === 0)
    expect(served.get('x')?.targets.map(({ outstanding }) => outstanding)).toEqual([0, 0])
    await until(async () => (await visit(port, { host: 'x.localhost' })).status === 200)
  })

  test('counts of occupied targets do not drift when visitors and targets crash', async () => {
    const held = new Set<ServerResponse>()
    const app = () => appFor((_, response) => void held.add(response))
    const [dies, stays] = [await app(), await app()]
    const targets = [targetAt('dies', dies.endpoint), targetAt('stays', stays.endpoint)]
    const { port, served } = await workerWith([circuitOf('x', targets, { balancing: 'least-connections' })])
    const outstanding = () => served.get('x')?.targets.map((target) => target.outstanding)
    for (let round = 1; round <= 3; round++) {
      const visitors = Array.from({ length: 6 }, () => {
        const sent = request({ port, agent: false, method: 'POST', headers: { host: 'x.localhost' } })
        sent.on('error', () => undefined)
        sent.once('response', (response) => response.resume())
        sent.end('body')
        return sent
      })
      await until(() => outstanding()?.join() === '3,3')
      await until(() => held.size === 6)
      dies.server.closeAllConnections()
      await until(() => outstanding()?.join() === '0,3')
      for (const visitor of visitors) visitor.destroy()
      await until(() => outstanding()?.join() === '0,0')
      held.clear()
      // Failures in a row would leave the target out.
      served.apply({ remove: ['x'] })
      served.apply({ upsert: [circuitOf('x', targets, { balancing: 'least-connections' })] })
    }
    expect(served.get('x')?.usage.open).toBe(0)
  })

  test('a change of targets drops no request between the old and the new ones', async () => {
    const endpoints = await apps('a', 'b')
    const { port, served } = await workerWith([circuitOf('x', [targetAt('t0', endpoints[0] as string)])])
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    later(() => agent.destroy())
    const failed: number[] = []
    let done = 0
    const load = { going: true }
    const visitor = async (): Promise<void> => {
      while (load.going) {
        const sent = request({
          host: '127.0.0.1',
          port,
          agent,
          method: 'POST',
          headers: { host: 'x.localhost' },
        })
        sent.end('body')
        const [response] = (await once(sent, 'response')) as [IncomingMessage]
        response.resume()
        await once(response, 'end')
        if (response.statusCode !== 200) failed.push(response.statusCode ?? 0)
        done++
      }
    }
    const visitors = Array.from({ length: 8 }, visitor)
    for (let round = 1; round <= 20; round++) {
      const wanted = done + 10
      await until(() => done >= wanted)
      served.apply({ upsert: [circuitOf('x', [targetAt(`t${round}`, endpoints[round % 2] as string)])] })
    }
    load.going = false
    await Promise.all(visitors)
    expect(failed).toEqual([])
  })

  test('a target that drains gets no new request, and its running request continues', async () => {
    const held: ServerResponse[] = []
    const { endpoint } = await appFor((_, response) => void held.push(response))
    const [other = ''] = await apps('other')
    const { port, served } = await workerWith([circuitOf('x', [targetAt('t', endpoint)])])
    const running = visit(port, { host: 'x.localhost' })
    await until(() => held.length === 1)
    const targets = [targetAt('t', endpoint, { draining: true }), targetAt('u', other)]
    served.apply({ upsert: [circuitOf('x', targets)] })
    for (let index = 0; index < 5; index++)
      expect(seenIn(await visit(port, { host: 'x.localhost' })).name).toBe('other')
    held[0]?.end('done')
    expect((await running).body).toBe('done')
    expect(held).toHaveLength(1)
  })
})

describe('stickiness', () => {
  test('a cookie keeps a client on its target, all Set-Cookie lines of the app arrive, and the app never sees ours', async () => {
    const endpoints = await apps('a', 'b', 'c')
    const targets = endpoints.map((endpoint, index) => targetAt(`t${index}`, endpoint))
    const { port, served } = await workerWith([circuitOf('x', targets, { stickiness: 'cookie' })])
    const first = await visit(port, { host: 'x.localhost', headers: { cookie: 'theirs="x; y"' } })
    const [one, two, ours = ''] = first.headers['set-cookie'] ?? []
    expect([one, two]).toEqual(['a=1', 'b=2'])
    const pair = ours.split(';')[0] as string
    expect(pair).toMatch(/^branchline-target=[\w-]{22}$/)
    const cookie = `theirs="x; y"; ${pair}; more=1`
    const { name } = seenIn(first)
    for (let index = 0; index < 6; index++) {
      const next = await visit(port, { host: 'x.localhost', headers: { cookie } })
      expect(seenIn(next)).toMatchObject({ name, headers: { cookie: 'theirs="x; y"; more=1' } })
      expect(next.headers['set-cookie']).toEqual(['a=1', 'b=2'])
    }
    const left = endpoints.map((endpoint, index) =>
      targetAt(`t${index}`, endpoint, { draining: name === 'abc'[index] }),
    )
    served.apply({ upsert: [circuitOf('x', left, { stickiness: 'cookie' })] })
    const moved = await visit(port, { host: 'x.localhost', headers: { cookie } })
    expect(seenIn(moved).name).not.toBe(name)
    expect(moved.headers['set-cookie']).toHaveLength(3)
    expect(moved.headers['set-cookie']?.[2]).not.toContain(pair)
  })

  test('an address stays on its target', async () => {
    const endpoints = await apps('a', 'b', 'c')
    const targets = endpoints.map((endpoint, index) => targetAt(`t${index}`, endpoint))
    const { port } = await workerWith([circuitOf('x', targets, { stickiness: 'address' })])
    const names = new Set<string>()
    for (let index = 0; index < 6; index++) names.add(seenIn(await visit(port, { host: 'x.localhost' })).name)
    expect(names.size).toBe(1)
  })
})
