import type { Hop } from '@branchline/wire/explain'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { explainRoute } from './explain.ts'
import { explainText } from './text.ts'
import { type HopNode, hopsInOrder, treeOf } from './tree.ts'

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

test('without ids, the times of hops determine the tree', () => {
  const hops = [
    hop('web', 0, 20, { key: 'alice', source: 'tracestate' }),
    hop('api', 2, 10, { environment: 'alice', reason: 'override', endpoints: ['dead:1', 'api:1'] }),
    hop('api', 3, 8, { at: 'alice', environment: 'alice', reason: 'routed' }),
    hop('worker', 13, 5, { status: 0, endpoints: [] }),
  ]
  expect(explainText({ status: 200, traceId: 'abc', hops, missed: [], tcp: [] })).toBe(
    `200 OK, trace abc

web (baseline)  own, key alice from tracestate  web:80  200  20.0 ms
├─ api (baseline → alice)  override  api:1 after dead:1  200  10.0 ms
│  └─ api (alice)  routed  api:80  200  8.0 ms
└─ worker (baseline)  own  no endpoint  no response  5.0 ms

service (environment)  why, endpoint, status, time of the response
(one → other)          the sidecar of one sent the request to other
routed                 another sidecar chose this version
override               the environment of the key runs this service itself
own                    the nearest environment that runs this service for the key is this one
`,
  )
})

test('what a request did not reach, and TCP connections, are below and in its tree', () => {
  const hops = [hop('gateway', 0, 20, { key: 'alice', source: 'caller' })]
  const missed = [{ override: 'pricing', by: 'gateway', called: 'orders' }, { override: 'mail' }]
  const tcp = [
    { service: 'db', from: 'gateway', environment: 'baseline' },
    { service: 'cache', from: 'other', environment: 'baseline' },
  ]
  expect(explainText({ status: 502, traceId: 'abc', hops, missed, tcp })).toBe(
    `502 Bad Gateway, trace abc

gateway (baseline)  own, key alice from caller  gateway:80  200  20.0 ms
└─ db (baseline)  tcp

pricing was not reached with the key: gateway called orders without it; see docs/propagation.md
mail is overridden as well, but was not reached with the key

service (environment)  why, endpoint, status, time of the response
own                    the nearest environment that runs this service for the key is this one
key … from caller      the address of the caller's pod, which belongs to a branch
tcp                    a known connection, not HTTP: the pod that opened it decides, not the key
`,
  )
})

test('the reason why an override was not reached may arrive later than the hops', async () => {
  const trace = 'a'.repeat(32)
  const seen: [string | undefined, string | undefined, string][] = []
  let queries = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, headers } = request
      const query = String(headers['x-branchline-route'])
      if (query === '1') {
        seen.push([method, headers['x-user'] as string, Buffer.concat(chunks).toString()])
        response.setHeader('x-branchline-route', `"api";trace="${trace}"`).end()
        return
      }
      const reason = queries++ > 3 ? { by: 'gateway', called: 'orders' } : {}
      const missed = [{ override: 'pricing', ...reason }]
      response.end(JSON.stringify({ traceId: trace, hops: [hop('gateway', 1, 2)], missed }))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const request = { method: 'POST', headers: { 'x-user': 'ann' }, body: Buffer.from('a=1') }
  const explained = await explainRoute(`http://127.0.0.1:${port}/`, request)
  expect(seen).toEqual([['POST', 'ann', 'a=1']])
  expect(explained.missed).toEqual([{ override: 'pricing', by: 'gateway', called: 'orders' }])
  server.close()
})

const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(16)) as [string, string, string, string]

/** The services of a tree. The children of a service follow it in brackets. */
const drawn = (nodes: readonly HopNode[]): string =>
  nodes
    .map(({ hop, children }) => hop.service + (children.length > 0 ? `(${drawn(children)})` : ''))
    .join(' ')

test('a hop is below the parent that it names, even if clocks disagree', () => {
  const web = hop('web', 100, 20, { id: A })
  // The clock of api is behind, and its end is after the end of its caller.
  const api = hop('api', 97, 30, { id: B, parent: A })
  // Two concurrent calls: one lies within the time of the other.
  const cart = hop('cart', 101, 15, { id: C, parent: B })
  const stock = hop('stock', 103, 5, { id: D, parent: B })
  expect(drawn(treeOf([api, stock, cart, web]))).toBe('web(api(cart stock))')
  expect(hopsInOrder([stock, api, cart, web])).toEqual([web, api, cart, stock])
})

test('of two hops with the same start, the one that names the other as parent comes later', () => {
  const override = hop('leaf', 5, 2.2, { id: A, reason: 'override' })
  const routed = hop('leaf', 5, 2.3, { id: B, parent: A, reason: 'routed' })
  expect(hopsInOrder([routed, override])).toEqual([override, routed])
})

test('if a tracer replaced the parent id, the times determine the parent', () => {
  const web = hop('web', 0, 20, { id: A })
  const api = hop('api', 2, 10, { id: B, parent: A })
  const worker = hop('worker', 3, 5, { id: C, parent: D })
  expect(drawn(treeOf([web, api, worker]))).toBe('web(api(worker))')
})

test('each hop is in the tree once, for any combination of parents', () => {
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
    'shows a problem of Branchline',
    'application/problem+json',
    ENDED,
    /returned 404: No preview is registered for a\.$/,
  ],
  [
    'does not show the problem of another server',
    'application/problem+json',
    '{"type":"about:blank","detail":"x"}',
    /relay must allow it/,
  ],
  ['does not show a body that is not a problem', 'application/problem+json', 'null', /relay must allow it/],
])('without the path of the request, the error %s', async (_, type, body, wanted) => {
  const server = createServer((_request, response) => {
    response.writeHead(404, { 'content-type': type }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await expect(explainRoute(`http://127.0.0.1:${port}/`)).rejects.toThrow(wanted)
  server.close()
})
