import { ROUTED_HEADER } from '@branchline/wire/names'
import { readBaggageKey } from '@branchline/wire/baggage'
import { EXPLAIN_HEADER } from '@branchline/wire/explain'
import {
  environmentNumber,
  mintRequestId,
  mintTraceId,
  mintTraceparent,
  requestIdNumber,
  traceIdNumber,
  traceparentId,
} from '@branchline/wire/trace-id'
import { readTracestateKey } from '@branchline/wire/tracestate'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, keyed, type Pod, rawExchange, type Seen, see, target, World } from '../fixture/world.ts'

const DOMAIN = 'shop.example.com'
const BOB = environmentNumber('bob')
let world: World
let entry: Pod

beforeAll(async () => {
  world = await World.create()
  const [local, alice, bob] = await Promise.all(['baseline', 'alice', 'bob'].map((name) => world.app(name)))
  const routes = { alice: target('alice', [alice as number]), bob: target('bob', [bob as number]) }
  const config = { entryDomain: DOMAIN, keyHeader: 'x-team', addedIds: ['b3'] as const }
  entry = await world.pod({ appPort: local as number, routes: { routes }, config })
})
afterAll(() => world.close())

const visit = (host: string, headers: Record<string, string> = {}): Promise<Seen> =>
  see(entry.port, { headers: { host, ...headers } })

/** Every key that a service could read from a request. */
function keysIn({ headers }: Seen): (string | undefined)[] {
  const one = (name: string): string => String(headers[name] ?? '')
  const numbers = [traceparentId(one('traceparent')), one('b3').slice(0, 32)].map((id) =>
    id === undefined || id === '' ? undefined : traceIdNumber(id),
  )
  const named = [readTracestateKey(one('tracestate')), readBaggageKey(one('baggage')), headers['x-team']]
  const byNumber = [...numbers, requestIdNumber(one('x-request-id'))].map((number) =>
    ['alice', 'bob', 'baseline'].find((key) => environmentNumber(key) === number),
  )
  return [...named, ...byNumber].filter((key) => key !== undefined) as string[]
}

test.each([
  ['alice.shop.example.com', 'alice'],
  ['ALICE.Shop.Example.com:443', 'alice'],
  ['alice.shop.example.com.', 'alice'],
  ['bob.shop.example.com', 'bob'],
  ['carol.shop.example.com', 'baseline'],
  ['shop.example.com', 'baseline'],
  ['a.alice.shop.example.com', 'baseline'],
  ['al_ice.shop.example.com', 'baseline'],
])('%s is served by %s, with its key alone', async (host, app) => {
  const seen = await visit(host)
  expect(seen.app).toBe(app)
  const key = host.startsWith('carol') ? 'carol' : app
  expect([
    readTracestateKey(String(seen.headers['tracestate'])),
    readBaggageKey(String(seen.headers['baggage'])),
  ]).toEqual([key, key])
})

test('the host of a visitor replaces every key that the visitor sent', async () => {
  const forged = {
    ...keyed('bob'),
    baggage: 'branchline=bob,color=red',
    'x-team': 'bob',
    traceparent: mintTraceparent(BOB),
    b3: `${mintTraceId(BOB)}-00f067aa0ba902b7-1`,
    'x-request-id': mintRequestId(BOB),
    [ROUTED_HEADER]: 'bob',
    [EXPLAIN_HEADER]: '1',
  }
  const seen = await visit('alice.shop.example.com', forged)
  // The mark of a routed request is served here. It must not carry bob's key either.
  expect(new Set(keysIn(seen))).toEqual(new Set(['alice']))
  expect(seen.headers['baggage']).toContain('color=red')
  expect(seen.headers[EXPLAIN_HEADER]).toBeUndefined()
})

test('no forged field reaches an app with the key of another branch', async () => {
  const values = fc.constantFrom(
    'branchline=bob',
    'bob',
    mintTraceId(BOB),
    mintTraceparent(BOB),
    mintRequestId(BOB),
  )
  const names = fc.constantFrom(
    'tracestate',
    'baggage',
    'traceparent',
    'b3',
    'x-b3-traceid',
    'x-request-id',
    'x-team',
  )
  await fc.assert(
    fc.asyncProperty(fc.dictionary(names, values, { maxKeys: 4 }), fc.boolean(), async (fields, routed) => {
      const mark: Record<string, string> = routed ? { [ROUTED_HEADER]: 'alice' } : {}
      const seen = await visit('alice.shop.example.com', { ...fields, ...mark })
      expect(keysIn(seen)).not.toContain('bob')
    }),
    { numRuns: 60 },
  )
})

test('the trace of an ingress continues, and so does a trace of this key', async () => {
  const foreign = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const own = mintTraceparent(environmentNumber('alice'))
  const id = mintRequestId(environmentNumber('alice'))
  expect((await visit('alice.shop.example.com', { traceparent: foreign })).headers['traceparent']).toBe(
    foreign,
  )
  const again = await visit('alice.shop.example.com', { traceparent: own, 'x-request-id': id })
  expect([again.headers['traceparent'], again.headers['x-request-id']]).toEqual([own, id])
})

test('requests to other hosts, such as those of other services, keep their keys', async () => {
  expect((await see(entry.port, { headers: { host: 'api', ...keyed('bob') } })).app).toBe('bob')
  expect((await visit('shop.example.com.evil.test', keyed('bob'))).app).toBe('bob')
})

test('a visitor cannot ask which versions served a request, or send a key in a trailer', async () => {
  const answer = await ask(entry.port, { headers: { host: 'alice.shop.example.com', [EXPLAIN_HEADER]: '1' } })
  expect(answer.headers[EXPLAIN_HEADER]).toBeUndefined()
  const response = await rawExchange(
    entry.port,
    'POST / HTTP/1.1\r\nhost: alice.shop.example.com\r\ntransfer-encoding: chunked\r\n\r\n' +
      '1\r\na\r\n0\r\ntracestate: branchline=bob\r\n\r\n',
  )
  expect(response).toMatch(/^HTTP\/1\.1 400 /)
})

test.each(['X_Y', 'get', 'A'.repeat(30)])(
  'on a port whose protocol is not declared, a request with the method %s keeps no forged key',
  async (method) => {
    // An app that accepts any method.
    const appPort = await world.tcpApp((socket) =>
      socket.once('data', (head) => {
        socket.end(
          `HTTP/1.1 200 OK\r\ncontent-length: ${head.length}\r\nconnection: close\r\n\r\n${head.toString()}`,
        )
      }),
    )
    const { port } = await world.pod({ appPort, protocol: 'auto', config: { entryDomain: DOMAIN } })
    const head = `${method} / HTTP/1.1\r\nhost: ${DOMAIN}\r\ntracestate: branchline=bob\r\nconnection: close\r\n\r\n`
    const seen = await rawExchange(port, head)
    expect(seen).toContain('branchline=baseline')
    expect(seen).not.toContain('bob')
  },
)
