import type { Hop } from '@branchline/wire/explain'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { explainRoute, explainText, type HopNode, hopsInOrder, treeOf } from './route-explain.ts'

const hop = (service: string, startMs: number, ms: number, more: Partial<Hop> = {}): Hop => ({
  service,
  at: 'baseline',
  environment: 'baseline',
  reason: 'own',
  endpoints: [`${service}:80`],
  status: 200,
  startMs,
  ms,
  ...more,
})

test('hops are a tree by who ran within whom', () => {
  const hops = [
    hop('web', 0, 20, { key: 'alice', source: 'tracestate' }),
    hop('api', 2, 10, { environment: 'alice', reason: 'override', endpoints: ['dead:1', 'api:1'] }),
    hop('api', 3, 8, { at: 'alice', environment: 'alice', reason: 'routed' }),
    hop('worker', 13, 5, { status: 0, endpoints: [] }),
  ]
  expect(explainText({ status: 200, traceId: 'abc', hops })).toBe(
    [
      '200  trace abc',
      'web (baseline)  own, key alice from tracestate  web:80  200  20.0 ms',
      '├─ api (baseline → alice)  override  api:1 after dead:1  200  10.0 ms',
      '│  └─ api (alice)  routed  api:80  200  8.0 ms',
      '└─ worker (baseline)  own  nowhere  no answer  5.0 ms',
      '',
    ].join('\n'),
  )
})

const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(16)) as [string, string, string, string]

/** Services in brackets behind the one that led to them. */
const drawn = (nodes: readonly HopNode[]): string =>
  nodes
    .map(({ hop, children }) => hop.service + (children.length > 0 ? `(${drawn(children)})` : ''))
    .join(' ')

test('a hop stands below the one that it names, whatever the clocks say', () => {
  const web = hop('web', 100, 20, { id: A })
  // Its clock is behind, and it is done after its caller is said to be.
  const api = hop('api', 97, 30, { id: B, parent: A })
  // Two calls at once, one within the other's time.
  const cart = hop('cart', 101, 15, { id: C, parent: B })
  const stock = hop('stock', 103, 5, { id: D, parent: B })
  expect(drawn(treeOf([api, stock, cart, web]))).toBe('web(api(cart stock))')
  expect(hopsInOrder([stock, api, cart, web])).toEqual([web, api, cart, stock])
})

test('of two sidecars that say the same millisecond, the one that named the other comes later', () => {
  const override = hop('leaf', 5, 2.2, { id: A, reason: 'override' })
  const routed = hop('leaf', 5, 2.3, { id: B, parent: A, reason: 'routed' })
  expect(hopsInOrder([routed, override])).toEqual([override, routed])
})

test('a hop whose caller has a tracer of its own stands by its time', () => {
  const web = hop('web', 0, 20, { id: A })
  const api = hop('api', 2, 10, { id: B, parent: A })
  const worker = hop('worker', 3, 5, { id: C, parent: D })
  expect(drawn(treeOf([web, api, worker]))).toBe('web(api(worker))')
})

test('whatever parents are named, each hop is drawn once', () => {
  const ids = fc.constantFrom(A, B, C, D)
  const anyHop = fc
    .record(
      { startMs: fc.nat({ max: 9 }), ms: fc.nat({ max: 9 }), id: ids, parent: ids },
      { requiredKeys: ['startMs', 'ms'] },
    )
    .map(({ startMs, ms, ...more }) => hop('api', startMs, ms, more))
  fc.assert(
    fc.property(fc.array(anyHop, { maxLength: 8 }), (hops) => {
      expect(drawn(treeOf(hops)).match(/api/g) ?? []).toHaveLength(hops.length)
    }),
    { numRuns: 1_000 },
  )
})

const ENDED = JSON.stringify({
  type: 'urn:branchline:unknown-host',
  detail: 'No preview is registered for a.',
})
test.each([
  [
    'a problem of ours is told',
    'application/problem+json',
    ENDED,
    /answered 404: No preview is registered for a\.$/,
  ],
  [
    "anybody else's is not",
    'application/problem+json',
    '{"type":"about:blank","detail":"x"}',
    /relay must allow it/,
  ],
  ['nor is what is none', 'application/problem+json', 'null', /relay must allow it/],
])('where there is no way to tell, %s', async (_, type, body, wanted) => {
  const server = createServer((_request, response) => {
    response.writeHead(404, { 'content-type': type }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await expect(explainRoute(`http://127.0.0.1:${port}/`)).rejects.toThrow(wanted)
  server.close()
})
