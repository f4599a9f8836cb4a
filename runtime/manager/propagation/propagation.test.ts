import type { TrafficReport } from '@branchline/wire/routes/traffic'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from '../config.ts'
import { LocalApi } from '../fixture/local-api.ts'
import { environment, running } from '../fixture/objects.ts'
import { TestSidecar } from '../fixture/sidecar.ts'
import { type RunningManager, startManager } from '../manager.ts'
import { LocalSource } from '../sources/local.ts'
import { until } from '../../testing/until.ts'

const logger = pino({ level: 'silent' })
const SHOP = ['gateway', 'orders', 'pricing']
let api: LocalApi
let manager: RunningManager
let sidecars: Record<string, TestSidecar> = {}

beforeEach(async () => {
  api = new LocalApi()
  await api.listen()
  api.put(environment('base'), environment('alice', { base: 'base' }))
  SHOP.forEach((name, index) => {
    api.put(...running('base', name, `10.0.0.${index + 1}`))
    api.tokens.set(name, { namespace: 'base', pod: `${name}-0` })
  })
  api.put(...running('alice', 'pricing', '10.0.1.1'))
  await start()
})

afterEach(async () => {
  await stop()
  await api.close()
})

async function start(): Promise<void> {
  const config = readConfig({
    BRANCHLINE_SOURCE: 'local',
    BRANCHLINE_LOCAL_API: api.socketPath,
    POD_IP: '127.0.0.1',
    BRANCHLINE_ROUTES_PORT: '0',
    BRANCHLINE_ADMIN_PORT: '0',
  })
  const source = new LocalSource({ socketPath: api.socketPath, logger, backoff: { firstMs: 5, maxMs: 20 } })
  manager = await startManager(config, source, logger)
  const all = await Promise.all(SHOP.map((name) => TestSidecar.connect(manager.routesPort, name)))
  sidecars = Object.fromEntries(SHOP.map((name, index) => [name, all[index] as TestSidecar]))
  await until(() => all.every(({ table }) => Object.keys(table?.listeners ?? {}).length > 0), 'the tables')
}

async function stop(): Promise<void> {
  for (const { socket } of Object.values(sidecars)) socket.terminate()
  await manager.stop()
}

function report(name: string, parts: Partial<TrafficReport>): void {
  const nothing = { keyed: [], calls: [], raw: [], keyedTimes: [] }
  sidecars[name]?.say({ type: 'traffic', untilMs: Date.now(), ...nothing, ...parts })
}

/** What the sidecars report after the gateway has served three requests of alice, and called orders without the key. */
function lose(): void {
  const agesMs = [9_000, 6_000, 3_000]
  const calls = (service: string, from: string, offsetMs: number) => [
    { service, from, keyed: 0, keyless: 3, at: agesMs.map((age) => age - offsetMs) },
  ]
  report('pricing', { calls: calls('pricing', '10.0.0.2', 4) })
  report('orders', { calls: calls('orders', '10.0.0.1', 2) })
  report('gateway', {
    keyed: [{ service: 'gateway', key: 'alice', received: 3, served: 3 }],
    keyedTimes: agesMs.map((beganMs) => ({ beganMs, ms: 10, idleMs: 2_000 })),
  })
}

interface Seen {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
}
const conditionsOf = (name: string): Seen[] => {
  const written = api.statuses.findLast((it) => it.kind === 'Environment' && it.name === name)
  return (written?.status['conditions'] as Seen[] | undefined) ?? []
}
const unreached = (status: string): Seen | undefined =>
  conditionsOf('alice').find((it) => it.type === 'OverrideUnreached' && it.status === status)

test('the condition names the service that loses the key, survives a restart, and ends once the override is reached', async () => {
  lose()
  const condition = await until(() => unreached('True'), 'the condition')
  expect(condition.message).toBe(
    'pricing was not reached with the key alice: gateway (base) received requests with the key and called orders ' +
      'without it; let gateway forward tracestate, baggage or a trace id, see docs/propagation.md',
  )
  expect(conditionsOf('alice')[0]).toMatchObject({
    type: 'Ready',
    status: 'True',
    reason: 'OverrideUnreached',
  })
  expect(conditionsOf('base').map(({ type }) => type)).toEqual(['Ready'])

  await stop()
  await start()
  api.put(...running('alice', 'mail', '10.0.1.2'))
  const isNew = () => JSON.stringify(api.statuses.at(-1)).includes('"mail"')
  await until(isNew, 'a status of the new manager')
  expect(unreached('True')?.message).toBe(condition.message)

  report('pricing', { keyed: [{ service: 'pricing', key: 'alice', received: 1, served: 0 }] })
  await until(() => unreached('False'), 'its end')
  expect(conditionsOf('alice')[0]).toMatchObject({ type: 'Ready', status: 'True', reason: 'Routed' })
})

test('a service that forwards the key now is no longer named', async () => {
  lose()
  await until(() => unreached('True'), 'the condition')
  report('orders', { calls: [{ service: 'orders', from: '10.0.0.1', keyed: 1, keyless: 0, at: [] }] })
  expect(await until(() => unreached('False'), 'its end')).toMatchObject({ reason: 'Reached' })
})

test('a pod cannot report for others, and unknown addresses do not count', async () => {
  const calls = [{ service: 'orders', from: '10.9.9.9', keyed: 0, keyless: 3, at: [1, 2, 3] }]
  report('gateway', { calls, keyed: [{ service: 'pricing', key: 'alice', received: 1, served: 1 }] })
  lose()
  // The gateway does not run pricing, so that alice's override still counts as unreached.
  expect(await until(() => unreached('True'), 'the condition')).toMatchObject({ reason: 'KeyLost' })
})

// Attack: a pod of another team, whose environment has nothing to do with alice's, runs a service of the same name and
// reports calls from the address of the gateway, or that alice's override was reached. The condition would blame the
// gateway, or disappear. Fix: callers and keys of other trees of environments do not count.
test('a pod of another tree can neither blame a service nor hide that one loses the key', async () => {
  api.put(
    environment('other'),
    ...running('other', 'orders', '10.0.9.1'),
    ...running('other', 'pricing', '10.0.9.2'),
  )
  for (const [index, name] of ['orders', 'pricing'].entries()) {
    api.tokens.set(`other-${name}`, { namespace: 'other', pod: `${name}-0` })
    const sidecar = await TestSidecar.connect(manager.routesPort, `other-${name}`)
    sidecars[`other-${index}`] = sidecar
    await until(() => Object.keys(sidecar.table?.listeners ?? {}).length > 0, 'its table')
  }
  lose()
  await until(() => unreached('True'), 'the condition')
  report('other-0', { calls: [{ service: 'orders', from: '10.0.0.1', keyed: 3, keyless: 0, at: [] }] })
  report('other-1', { keyed: [{ service: 'pricing', key: 'alice', received: 1, served: 1 }] })
  // The answer to a query shows that the reports before it were taken.
  for (const name of ['other-0', 'other-1']) {
    const trace = 'b'.repeat(32)
    sidecars[name]?.say({ type: 'hops', trace })
    await until(() => sidecars[name]?.messages.some((it) => it.type === 'hops'), 'an answer')
  }
  // A finding about bob from the same evidence shows that the manager has judged since then.
  api.put(environment('bob', { base: 'base' }), ...running('bob', 'pricing', '10.0.2.1'))
  report('gateway', { keyed: [{ service: 'gateway', key: 'bob', received: 3, served: 3 }] })
  await until(
    () => conditionsOf('bob').some(({ type, status }) => type === 'OverrideUnreached' && status === 'True'),
    'bob',
  )
  expect(unreached('True')).toBeDefined()
})

test('an explained request names the overrides that it did not reach', async () => {
  const trace = 'a'.repeat(32)
  const startMs = Date.now() - 3_000
  lose()
  sidecars['gateway']?.say({
    type: 'hop',
    trace,
    hop: {
      service: 'gateway',
      at: 'base',
      environment: 'base',
      reason: 'own',
      key: 'alice',
      source: 'tracestate',
      endpoints: [],
      status: 200,
      startMs,
      ms: 10,
    },
  })
  report('pricing', { raw: [{ service: 'pricing', from: '10.0.0.1', environment: 'base', opened: 1 }] })
  const answer = await until(() => {
    sidecars['gateway']?.say({ type: 'hops', trace })
    const answers = sidecars['gateway']?.messages.filter((it) => it.type === 'hops')
    return answers?.find(({ tcp }) => tcp?.length === 1)
  }, 'an answer with everything that was reported')
  expect(answer).toMatchObject({
    missed: [{ override: 'pricing', by: 'gateway', called: 'orders' }],
    tcp: [{ service: 'pricing', from: 'gateway', environment: 'base' }],
  })
})
