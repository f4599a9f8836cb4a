import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp } from '../../../testing/cleanups.ts'
import { visit } from '../../fixture.ts'
import { apps, circuitOf, seenIn, targetAt, workerWith } from './fixture.ts'
import type { CircuitReport } from './served-circuits.ts'

afterEach(cleanUp)

describe('routing', () => {
  test('by label below the domain, by further complete host names, and by nothing else', async () => {
    const [one = '', two = ''] = await apps('one', 'two')
    const { port } = await workerWith([
      circuitOf('a', [targetAt('t', one)]),
      circuitOf('b', [targetAt('t', two)], {
        frontend: { type: 'subdomain', hosts: ['b', 'shop.example.com'] },
      }),
    ])
    const nameAt = async (host: string): Promise<string | number> => {
      const response = await visit(port, { host })
      return response.status === 200 ? seenIn(response).name : response.status
    }
    expect(await nameAt('a.localhost')).toBe('one')
    expect(await nameAt('A.Localhost.:8080')).toBe('one')
    expect(await nameAt('b.localhost')).toBe('two')
    expect(await nameAt('Shop.Example.com')).toBe('two')
    for (const host of [
      'c.localhost',
      'a.b.localhost',
      'a',
      'shop',
      'other.example.com',
      'xshop.example.com',
    ])
      expect(await nameAt(host)).toBe(404)
  })

  test('10,000 circuits are served at once, and a change of one leaves all others alone', async () => {
    const [one = ''] = await apps('one')
    const circuits = Array.from({ length: 10_000 }, (_, index) =>
      circuitOf(`c${index}`, [targetAt('t', one)]),
    )
    const { port, served } = await workerWith([])
    served.replace(new Map(circuits.map((circuit) => [circuit.id, circuit])))
    expect(served.size).toBe(10_000)
    expect((await visit(port, { host: 'c9999.localhost' })).status).toBe(200)
    const before = served.get('c1')
    const next = new Map(circuits.map((circuit) => [circuit.id, circuit]))
    next.delete('c0')
    next.set('c2', circuitOf('c2', [targetAt('t', one)], { version: 2, draining: true }))
    served.replace(next)
    expect(served.get('c1')).toBe(before)
    expect((await visit(port, { host: 'c0.localhost' })).status).toBe(404)
    expect((await visit(port, { host: 'c2.localhost' })).status).toBe(503)
    expect((await visit(port, { host: 'c1.localhost' })).status).toBe(200)
  })

  test('a host that moves from one circuit to another in one change is never lost', async () => {
    const [one = '', two = ''] = await apps('one', 'two')
    const hosts = (...names: string[]) => ({ frontend: { type: 'subdomain' as const, hosts: names } })
    const { port, served } = await workerWith([
      circuitOf('a', [targetAt('t', one)], hosts('x')),
      circuitOf('b', [targetAt('t', two)], hosts('y')),
    ])
    served.apply({
      upsert: [
        circuitOf('a', [targetAt('t', one)], hosts('y')),
        circuitOf('b', [targetAt('t', two)], hosts('x')),
      ],
    })
    expect(seenIn(await visit(port, { host: 'x.localhost' })).name).toBe('two')
    expect(seenIn(await visit(port, { host: 'y.localhost' })).name).toBe('one')
    served.apply({ upsert: [circuitOf('b', [targetAt('t', two)], hosts('y'))], remove: ['a'] })
    expect(seenIn(await visit(port, { host: 'y.localhost' })).name).toBe('two')
    expect((await visit(port, { host: 'x.localhost' })).status).toBe(404)
  })

  test('a target that the policy does not permit gets no connection, and its client learns why', async () => {
    const { port } = await workerWith([circuitOf('a', [targetAt('t', '10.0.0.7:80')])])
    const { status, body } = await visit(port, { host: 'a.localhost' })
    expect(status).toBe(502)
    expect(JSON.parse(body)).toMatchObject({ reason: 'unreachable' })
    expect(body).toContain('does not connect to its address (private), because --allow-targets')
  })

  test('an access that this worker cannot check, and an address that is not in the allow-list, are refused', async () => {
    const [one = ''] = await apps('one')
    const { port, served } = await workerWith([
      circuitOf('token', [targetAt('t', one)], { access: { type: 'token' } }),
      circuitOf('listed', [targetAt('t', one)], { access: { type: 'public', allow: ['127.0.0.0/8'] } }),
      circuitOf('other', [targetAt('t', one)], { access: { type: 'public', allow: ['10.0.0.0/8'] } }),
    ])
    const reasonAt = async (host: string): Promise<unknown> => {
      const { status, body } = await visit(port, { host })
      return status === 200 ? status : (JSON.parse(body) as { reason: string }).reason
    }
    expect(await reasonAt('token.localhost')).toBe('access')
    expect(await reasonAt('listed.localhost')).toBe(200)
    expect(await reasonAt('other.localhost')).toBe('address')
    // A list with a bad entry is never in force without it.
    const bad = circuitOf('other', [targetAt('t', one)], {
      access: { type: 'public', allow: ['127.0.0.0/8', 'x'] },
    })
    served.apply({ upsert: [bad] })
    expect(await reasonAt('other.localhost')).toBe('address')
  })

  test('a circuit that this worker cannot read is reported, and harms no other circuit', async () => {
    const [one = ''] = await apps('one')
    const faults: CircuitReport[] = []
    const { port, served } = await workerWith([circuitOf('a', [targetAt('t', one)])], {
      onCircuit: (report) => faults.push(report),
    })
    const broken = circuitOf('a', [targetAt('t', one)], { rewrite: null as never, version: 2 })
    served.apply({ upsert: [broken, circuitOf('b', [targetAt('t', one)])] })
    expect((await visit(port, { host: 'a.localhost' })).status).toBe(404)
    expect((await visit(port, { host: 'b.localhost' })).status).toBe(200)
    served.apply({ upsert: [circuitOf('a', [targetAt('t', one)], { version: 3 })] })
    expect((await visit(port, { host: 'a.localhost' })).status).toBe(200)
    expect(faults).toMatchObject([
      { id: 'a', version: 2 },
      { id: 'a', version: 3 },
    ])
    expect(faults.map(({ reason }) => reason !== undefined)).toEqual([true, false])
  })

  test('a client of HTTP/1.1 learns that an app speaks only HTTP/2', async () => {
    const { port } = await workerWith([circuitOf('a', [], { backend: 'h2' })])
    expect(JSON.parse((await visit(port, { host: 'a.localhost' })).body)).toMatchObject({
      reason: 'needs-http2',
    })
  })
})
