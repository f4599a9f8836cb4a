/**
 * Every path of a request through its candidates: with and without a body, by length and in chunks, whole at once and
 * in pieces that come later, over new and kept connections, past candidates that are dead, close, or drop what they
 * received, after a decision that came late or was replaced. A model says what must happen to it.
 */
import assert from 'node:assert'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Candidate, Decision, Forward } from '../proxy/decision.ts'
import { app, hop, rawServer } from './fixtures.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { RawClient } from '../testing/raw-client.ts'

/** `stale`: a kept connection that closes at its next request. A new one serves. */
const KINDS = ['dead', 'closing', 'drops', 'stale', 'kept', 'new'] as const
type Kind = (typeof KINDS)[number]

interface Target {
  readonly kind: Kind
  readonly version: string
}

interface Plan {
  readonly method: string
  readonly framing: 'none' | 'length' | 'chunks'
  readonly size: number
  readonly pieces: 'at once' | 'after the head' | 'late'
  readonly targets: readonly Target[]
  /** A first decision that fails, after which the targets are decided. */
  readonly before: 'nothing' | 'a dead one' | 'one that drops'
  readonly decides: 'at once' | 'late'
}

interface Result {
  /** The index of the target that served; -1 for a 502. */
  readonly served: number
  /** How often a candidate received the request's head. */
  readonly sent: number
}

const isSafe = ({ method, framing }: Plan): boolean => method === 'GET' && framing === 'none'

/** What must happen to a request. */
function expected(plan: Plan): Result {
  let reached: string | undefined
  let sent = 0
  if (plan.before === 'one that drops') {
    ;[reached, sent] = ['a', 1]
    if (!isSafe(plan)) return { served: -1, sent }
  }
  for (const [index, { kind, version }] of plan.targets.entries()) {
    if (kind === 'dead' || (reached !== undefined && version !== reached)) continue
    sent++
    const serves = kind === 'new' || kind === 'kept' || (kind === 'stale' && reached !== undefined)
    if (serves) return { served: index, sent }
    reached = version
    if (!isSafe(plan) || sent === 2) return { served: -1, sent }
    if (kind === 'stale') return { served: index, sent: 2 }
  }
  return { served: -1, sent }
}

const ports: Partial<Record<Kind, number>> = {}
let arrivals: string[] = []
const note = (text: string): void => {
  for (const [, name] of text.matchAll(/x-target: (\S+)/g)) arrivals.push(name as string)
}

beforeAll(async () => {
  const { port, server } = await app((request, response) => {
    if (request.url !== '/warm') arrivals.push(String(request.headers['x-target']))
    let body = ''
    request.setEncoding('latin1')
    request.on('data', (part: string) => (body += part))
    request.on('end', () =>
      response.end(`${String(request.headers['x-target'])} ${body.length} ${sumOf(body)};`),
    )
  })
  server.keepAliveTimeout = 60_000
  ports.kept = ports.new = port
  ports.dead = 1
  // It closes an accepted connection only after bytes arrive, so that each one receives a head.
  ports.closing = await rawServer((socket) =>
    socket.once('data', (data) => (note(data.toString('latin1')), socket.end())),
  )
  ports.drops = await rawServer((socket) =>
    socket.once('data', (data) => (note(data.toString('latin1')), socket.resetAndDestroy())),
  )
  ports.stale = await rawServer((socket: Socket) => {
    socket.once('data', (data) => {
      const text = data.toString('latin1')
      note(text)
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n${/x-target: (\S+)/.exec(text)?.[1]} 0 0;`)
      socket.once('data', (more) => (note(more.toString('latin1')), socket.destroy()))
    })
  })
})
afterAll(cleanUp)

const sumOf = (text: string): number => {
  let sum = 0
  for (let i = 0; i < text.length; i++) sum = (sum * 31 + text.charCodeAt(i)) % 1_000_003
  return sum
}

const candidateOf = ({ kind, version }: Target, index: number): Candidate => ({
  upstream: {
    key: `${kind}-${index}`,
    dial: () => tcpUpstream('127.0.0.1', ports[kind] as number).dial(),
  },
  version,
  edits: { set: [['x-target', `target-${index}`]] },
})

async function perform(plan: Plan): Promise<{ result: Result; text: string; body: string }> {
  const candidates = plan.targets.map(candidateOf)
  let asked = (): void => {}
  const routed = new Promise<void>((resolve) => (asked = resolve))
  const decide = (decision: Decision): Decision | Promise<Decision> =>
    plan.decides === 'at once'
      ? decision
      : new Promise((resolve) => setImmediate(() => setImmediate(() => resolve(decision))))
  const last = candidateOf({ kind: 'new', version: 'a' }, 9)
  const before: Record<Plan['before'], () => Forward> = {
    nothing: () => ({ candidates }),
    'a dead one': () => ({
      candidates: [candidateOf({ kind: 'dead', version: 'b' }, 8)],
      otherwise: () => decide({ candidates }),
    }),
    'one that drops': () => ({
      candidates: [candidateOf({ kind: 'drops', version: 'a' }, 8)],
      otherwise: () => decide({ candidates }),
    }),
  }
  const { port, engine, listener } = await hop(
    (head) => {
      if (head.target === '/last') return { candidates: [last] }
      if (head.target.startsWith('/warm/')) {
        return { candidates: [candidates[Number(head.target.slice(6))] as Candidate] }
      }
      asked()
      return decide(before[plan.before]())
    },
    { limits: { poolStaleMs: 60_000, poolUnsafeIdleMs: 60_000, poolIdleMs: 60_000, halfCloseMs: 60_000 } },
  )
  const warm = plan.targets.flatMap(({ kind }, i) => (kind === 'kept' || kind === 'stale' ? [i] : []))
  for (const index of warm) {
    const client = new RawClient(port).send(`GET /warm/${index} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await client.until((text) => text.endsWith(';'))
    client.socket.destroy()
  }
  arrivals = []
  const client = new RawClient(port)
  const body = Array.from({ length: plan.size }, (_, i) => String.fromCharCode(97 + ((i * 7) % 26))).join('')
  await send(client, plan, body, routed)
  const text = await client.until((text) => /;$|\n$|;\r\n0\r\n\r\n$/.test(text))
  const sent = arrivals.length
  // The next request on the same connection is served normally.
  if (text.startsWith('HTTP/1.1 200 ')) {
    client.text = ''
    client.send('GET /last HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.match(await client.until((text) => text.includes(';')), /target-9 0 0;/)
  }
  client.socket.destroy()
  listener.stop()
  await engine.stop()
  const served = text.startsWith('HTTP/1.1 200 ') ? Number(/target-(\d)/.exec(text)?.[1]) : -1
  return { result: { served, sent }, text, body: plan.framing === 'none' ? '' : body }
}

async function send(client: RawClient, plan: Plan, body: string, routed: Promise<void>): Promise<void> {
  const { framing, method, pieces } = plan
  const head = `${method} / HTTP/1.1\r\nHost: x\r\n`
  if (framing === 'none') {
    client.send(`${head}\r\n`)
    return
  }
  const half = body.length >> 1
  const chunk = (text: string): string =>
    text === '' ? '' : `${text.length.toString(16)};a=b\r\n${text}\r\n`
  const fields =
    framing === 'length' ? `Content-Length: ${body.length}\r\n\r\n` : 'Transfer-Encoding: chunked\r\n\r\n'
  const parts =
    framing === 'length'
      ? [body.slice(0, half), body.slice(half)]
      : [chunk(body.slice(0, half)), `${chunk(body.slice(half))}0\r\n\r\n`]
  if (pieces === 'at once') {
    client.send(head + fields + parts.join(''))
    return
  }
  client.send(head + fields + (pieces === 'after the head' ? (parts[0] as string) : ''))
  await routed
  for (const part of pieces === 'late' ? parts : parts.slice(1)) {
    await new Promise((resolve) => setImmediate(resolve))
    client.send(part)
  }
}

const plans = fc.record<Plan>({
  method: fc.constantFrom('GET', 'POST', 'DELETE'),
  framing: fc.constantFrom('none', 'length', 'chunks'),
  size: fc.constantFrom(1, 3, 5_000, 40_000),
  pieces: fc.constantFrom('at once', 'after the head', 'late'),
  targets: fc.array(fc.record({ kind: fc.constantFrom(...KINDS), version: fc.constantFrom('a', 'b') }), {
    maxLength: 4,
  }),
  before: fc.constantFrom('nothing', 'a dead one', 'one that drops'),
  decides: fc.constantFrom('at once', 'late'),
})

test(
  'each request goes where the rule says, complete, and no more often than permitted',
  { timeout: 60_000 },
  async () => {
    let served = 0
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const wanted = expected(plan)
        const { result, text, body } = await perform(plan)
        assert.deepEqual(result, wanted)
        if (wanted.served === -1) return assert.match(text, /^HTTP\/1\.1 502 /)
        served++
        const stale = plan.targets[wanted.served]?.kind === 'stale'
        if (!stale) assert.ok(text.includes(` ${body.length} ${sumOf(body)};`), text)
      }),
      { numRuns: 400, endOnFailure: false },
    )
    expect(served).toBeGreaterThan(50)
  },
)
