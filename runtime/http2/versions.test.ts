/**
 * Another version of a service never responds to a request that the intended version may have processed: the client
 * gets an error that says so. Another version responds only if RFC 9113 guarantees that nothing was processed.
 */
import { once } from 'node:events'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Candidate } from '../proxy/decision.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { app, ask, client, frame, FRAME, hop } from './fixture.ts'
import { cleanUp, later, setAside } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

const DEAD_PORT = 1
/** How an upstream of these tests handles each request. */
const MANNERS = ['serves', 'dead', 'refuses', 'goes away', 'dies', 'is calm'] as const
type Manner = (typeof MANNERS)[number]
const PROCESSES: ReadonlySet<Manner> = new Set(['serves', 'dies', 'is calm'])

const ports = {} as Record<Manner, number>
let seen: Manner[] = []

/** An upstream that ends its connection at the first request, and says that it processed none. */
async function goingAway(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.write(frame(FRAME.settings, 0, 0))
    socket.on('data', (data: Buffer) => {
      // HEADERS, in any read.
      if (!data.includes(Buffer.from([FRAME.headers, 4])) && !data.includes(Buffer.from([FRAME.headers, 5])))
        return
      socket.end(frame(FRAME.goaway, 0, 0, Buffer.alloc(8)))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  later(() => server.close())
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  const meet = (manner: Manner, act: (stream: ServerHttp2Stream) => void): Promise<{ port: number }> =>
    app((stream) => {
      seen.push(manner)
      act(stream)
    })
  ports.dead = DEAD_PORT
  ports['goes away'] = await goingAway()
  ports.serves = (
    await meet('serves', (stream) => {
      stream.respond({ ':status': 200 })
      stream.pipe(stream)
    })
  ).port
  ports.refuses = (await meet('refuses', (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM))).port
  ports.dies = (await meet('dies', (stream) => stream.session?.destroy())).port
  ports['is calm'] = (
    await meet('is calm', (stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM))
  ).port
})
let stopAll: () => Promise<void>
beforeAll(() => void (stopAll = setAside()))
afterEach(cleanUp)
afterAll(() => stopAll())

interface Plan {
  readonly manner: Manner
  readonly version: string
}
const candidatesOf = (plans: readonly Plan[]): Candidate[] =>
  plans.map(({ manner, version }) => ({ upstream: tcpUpstream('127.0.0.1', ports[manner]), version }))

/**
 * Which candidate responds by the rule; undefined: none. A request that may have been processed is sent once more at
 * most.
 */
function expected(plans: readonly Plan[], repeatable: boolean): Plan | undefined {
  let lostTo: string | undefined
  let repeated = false
  for (const plan of plans) {
    if (lostTo !== undefined && plan.version !== lostTo) continue
    if (plan.manner === 'serves') return plan
    // A candidate gets a second try if it did not process the request or is calm. Here that never helps.
    if (!PROCESSES.has(plan.manner)) {
      repeated ||= plan.manner !== 'dead'
      continue
    }
    const again = plan.manner === 'is calm' && !repeated
    if (!repeatable || lostTo !== undefined || again) return undefined
    lostTo = plan.version
  }
  return undefined
}

test('for any behaviour of the candidates, only the version that may have processed a request responds to it', async () => {
  let plans: readonly Plan[] = []
  const { port, reports } = await hop(() => ({ candidates: candidatesOf(plans) }))
  const session = client(port)
  const anyPlans = fc.array(
    fc.record({ manner: fc.constantFrom(...MANNERS), version: fc.constantFrom('alice', 'base') }),
    { minLength: 1, maxLength: 4 },
  )
  const anyRequest = fc.constantFrom({ method: 'GET', body: false }, { method: 'POST', body: true })
  await fc.assert(
    fc.asyncProperty(anyPlans, anyRequest, async (tried, { method, body }) => {
      plans = tried
      seen = []
      const before = reports.length
      const response = await ask(session, { ':method': method }, body ? 'kept' : undefined)
      await until(() => reports.length === before + 1)
      const served = expected(tried, method === 'GET') !== undefined
      const outcome = {
        status: Number(response.headers[':status']) === 200,
        text: served ? response.text : '',
      }
      expect(outcome).toEqual({ status: served, text: served && body ? 'kept' : '' })
      expect(reports.at(-1)?.error === undefined).toBe(served)
      // A request that is not safe to repeat reaches one upstream that may process it, once.
      const processed = seen.filter((manner) => PROCESSES.has(manner)).length
      expect(processed).toBeLessThanOrEqual(method === 'GET' ? 2 : 1)
    }),
    { numRuns: 150 },
  )
})

test.each([
  ['a GET', { ':method': 'GET' }, undefined, { ':status': 502 }],
  [
    'a call',
    { ':method': 'POST', 'content-type': 'application/grpc' },
    'x',
    {
      'grpc-status': '14',
      'grpc-message': 'the upstream received the request and closed the connection before it responded',
    },
  ],
])('%s that the intended version may have processed is a failure', async (_name, fields, body, failure) => {
  const plans = [
    { manner: 'dies', version: 'alice' },
    { manner: 'serves', version: 'base' },
  ] as const
  const base = candidatesOf(plans.slice(1))
  const otherwise = () => ({ candidates: base })
  const { port } = await hop(() => ({ candidates: candidatesOf(plans), otherwise }))
  seen = []
  const { headers } = await ask(client(port), fields, body)
  expect(headers).toMatchObject(failure)
  expect(seen).not.toContain('serves')
})
