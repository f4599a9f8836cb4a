/**
 * Attack: a sidecar's token is a file in a pod. Somebody who can read it there (a shell in the app's container, a
 * backup of a volume, a log) presents it from another pod, gets the routes of the first pod, and takes its place,
 * because the newest connection of a pod wins. Fix: a token is valid only from an address of its own pod.
 */
import { once } from 'node:events'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pod as podObject } from '../fixture/objects.ts'
import { TestSidecar } from '../fixture/sidecar.ts'
import type { PodIdentity } from '../sources/source.ts'
import { Hub } from './hub.ts'
import { DEFAULT_PUSH_LIMITS, type PushLimits } from './limits.ts'
import { PodOrigins } from './origin.ts'
import { type PushServer, type RefusalReason, servePush } from './server.ts'
import { until } from '../../testing/until.ts'

const API: PodIdentity = { namespace: 'base', pod: 'api-0', uid: 'u1' }
const table = { environment: 'base', listeners: {}, callers: {} }
const hello = { type: 'hello', inbound: [25001], version: 'test' }

let lines: Record<string, unknown>[]
let refusals: RefusalReason[]
let origins: PodOrigins
let hub: Hub
let server: PushServer
const clients: TestSidecar[] = []

async function serve(changed: Partial<PushLimits> = {}): Promise<void> {
  const limits = { ...DEFAULT_PUSH_LIMITS, ...changed }
  const write = (line: string): number => lines.push(JSON.parse(line) as Record<string, unknown>)
  const logger = pino({ level: 'info' }, { write })
  origins = new PodOrigins(limits)
  hub = new Hub({ limits, logger, tableOf: () => table, epoch: () => 7, onStanding: () => undefined })
  server = await servePush({
    host: '127.0.0.1',
    port: 0,
    limits,
    logger,
    hub,
    serving: () => true,
    reviewToken: (token) => Promise.resolve(token === 'api' ? API : undefined),
    judgeOrigin: (pod, from) => origins.judge(pod, from),
    onRefused: (reason) => refusals.push(reason),
  })
}

beforeEach(() => {
  lines = []
  refusals = []
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate()
  await server.close()
})

function api(status: Record<string, unknown>, uid = 'u1'): KubernetesObject {
  return podObject('base', 'api-0', '', { metadata: { name: 'api-0', namespace: 'base', uid }, status })
}

function client(from: string): TestSidecar {
  const it = new TestSidecar(server.port, 'api', undefined, undefined, from)
  clients.push(it)
  return it
}

async function statusFrom(from: string): Promise<number> {
  const it = client(from)
  const [, response] = (await once(it.socket, 'unexpected-response')) as [unknown, { statusCode: number }]
  return response.statusCode
}

async function served(from: string): Promise<TestSidecar> {
  const it = client(from)
  await once(it.socket, 'open')
  it.say(hello)
  await until(() => it.table, 'a table')
  return it
}

test('a token that another pod presents is refused and logged once, and its own pod stays connected', async () => {
  await serve()
  origins.put(api({ podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] }))
  const own = await served('127.0.0.1')
  expect([await statusFrom('127.0.0.9'), await statusFrom('127.0.0.9')]).toEqual([403, 403])
  expect(refusals).toEqual(['address', 'address'])
  expect(own.closeCode).toBeUndefined()
  expect(hub.size).toBe(1)
  expect(lines).toMatchObject([
    {
      level: 40,
      namespace: 'base',
      pod: 'api-0',
      from: '127.0.0.9',
      expected: ['127.0.0.1'],
      msg: expect.stringContaining('BRANCHLINE_CHECK_POD_ADDRESS=off') as string,
    },
  ])
})

test('a sidecar that connects before its pod or its address is known waits for them', async () => {
  await serve()
  const early = served('127.0.0.2')
  origins.put(api({ phase: 'Pending' }))
  origins.put(api({ podIP: '127.0.0.2', phase: 'Running' }, 'u0'))
  await new Promise((resolve) => setImmediate(resolve))
  expect(hub.size).toBe(0)
  origins.put(api({ podIP: '127.0.0.2', phase: 'Running' }))
  await early
  expect(refusals).toEqual([])
})

test('a sidecar whose pod stays unknown is refused, and only a bounded number wait', async () => {
  await serve({ podKnownTimeoutMs: 200, maxUnknownPods: 1 })
  const answers = await Promise.all([statusFrom('127.0.0.1'), statusFrom('127.0.0.1')])
  expect(answers).toEqual([503, 503])
  expect(refusals).toEqual(['unknown', 'unknown'])
  origins.put(api({ podIP: '127.0.0.1' }))
  await served('127.0.0.1')
  origins.remove(api({}))
  expect(await statusFrom('127.0.0.1')).toBe(503)
})

describe('the addresses of a pod', () => {
  const judge = async (status: Record<string, unknown>, from: string): Promise<string> => {
    const them = new PodOrigins({ podKnownTimeoutMs: 0, maxUnknownPods: 1 })
    them.put(api(status))
    return (await them.judge(API, from))?.reason ?? 'own'
  }
  const dual = { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] }

  test.each([
    ['IPv4', dual, '10.0.0.1', 'own'],
    ['IPv4, on a socket of both families', dual, '::ffff:10.0.0.1', 'own'],
    ['IPv6', dual, 'fd00::1', 'own'],
    ['IPv6, written otherwise', { podIPs: [{ ip: 'FD00:0::1' }] }, 'fd00::1', 'own'],
    ['IPv6 with a zone', { podIPs: [{ ip: 'fe80::1' }] }, 'fe80::1%eth0', 'own'],
    ['an API server that reports only one', { podIP: '10.0.0.1' }, '10.0.0.1', 'own'],
    ['another', dual, '10.0.0.2', 'address'],
    ['none, because the peer is gone', dual, '', 'address'],
    [
      'a pod that has ended, whose address may belong to another',
      { ...dual, phase: 'Failed' },
      '10.0.0.1',
      'unknown',
    ],
    ['a pod without one yet', { podIP: '' }, '', 'unknown'],
    ['a status that cannot be read', { podIPs: 7 }, '10.0.0.1', 'unknown'],
  ])('%s', async (_, status, from, verdict) => {
    await serve()
    expect(await judge(status, from)).toBe(verdict)
  })
})
