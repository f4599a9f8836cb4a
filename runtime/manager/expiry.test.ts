/** A branch that expires, in the whole manager: first its routes change, then it is deleted if the manager may. */
import { once } from 'node:events'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { KubernetesError } from '../kubernetes/errors.ts'
import { LocalApi } from './fixture/local-api.ts'
import { environment, running } from './fixture/objects.ts'
import { TestSidecar } from './fixture/sidecar.ts'
import { type RunningManager, startManager } from './manager.ts'
import { LocalSource } from './sources/local.ts'
import type { Removal, Source } from './sources/source.ts'
import { until } from '../testing/until.ts'

const logger = pino({ level: 'silent' })
let api: LocalApi
let manager: RunningManager
let base: TestSidecar
let removals: Removal[]

beforeEach(async () => {
  removals = []
  api = new LocalApi()
  await api.listen()
  api.tokens.set('base-api', { namespace: 'base', pod: 'api-0' })
})

afterEach(async () => {
  base.socket.terminate()
  await manager.stop()
  await api.close()
})

/** A source that deletes, like a Kubernetes API. It refuses the first requests. */
function deleting(refusals: number): Source {
  const source = new LocalSource({ socketPath: api.socketPath, logger })
  let left = refusals
  const remove = (removal: Removal): Promise<void> => {
    removals.push(removal)
    if (left-- > 0) return Promise.reject(new KubernetesError('it was changed', { retryable: true }))
    api.remove(environment(removal.name))
    return Promise.resolve()
  }
  return {
    start: (handler) => source.start(handler),
    stop: () => source.stop(),
    writeStatus: (write) => source.writeStatus(write),
    reviewToken: (token) => source.reviewToken(token),
    remove,
  }
}

async function start(source: Source): Promise<void> {
  const config = readConfig({
    BRANCHLINE_SOURCE: 'local',
    BRANCHLINE_LOCAL_API: api.socketPath,
    POD_IP: '127.0.0.1',
    BRANCHLINE_ROUTES_PORT: '0',
    BRANCHLINE_ADMIN_PORT: '0',
  })
  manager = await startManager(config, source, logger)
  base = new TestSidecar(manager.routesPort, 'base-api')
  await once(base.socket, 'open')
  base.say({ type: 'hello', inbound: [25001], version: 'test' })
}

/** The branch alice, which expires a minute after its creation, on a base. */
function shop(more: object = {}, ageMs = 0): void {
  const creationTimestamp = new Date(Date.now() - ageMs).toISOString()
  const metadata = { creationTimestamp, uid: 'u1', resourceVersion: '7', ...more }
  api.put(
    environment('base'),
    environment('alice', { base: 'base', ttl: '1m' }, metadata),
    ...running('base', 'api', '10.0.0.1'),
    ...running('alice', 'api', '10.0.0.2'),
  )
}

/** Makes alice an hour old, so that its ttl has ended. */
const expire = (more: object = {}): void => shop(more, 3_600_000)

const routes = (): string[] => Object.keys(base.table?.listeners[25001]?.routes ?? {})
const statusWith = (text: string) =>
  api.statuses.findLast((it) => it.name === 'alice' && JSON.stringify(it).includes(text))

test('an expired environment that nothing holds is routed to its base, then deleted with preconditions, and again after a failure', async () => {
  shop()
  await start(deleting(1))
  await until(() => routes().includes('alice'), 'the override')
  expect(removals).toEqual([])
  expire()
  await until(() => base.table !== undefined && routes().length === 0, 'the base')
  await until(() => removals.length === 2, 'its end')
  const removal = { namespace: 'alice', name: 'alice', uid: 'u1', resourceVersion: '7' }
  expect(removals).toEqual([removal, removal])
})

test.each([
  ['git', { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:x' } }, 'held by annotation argocd'],
  ['an annotation', { annotations: { 'branchline.dev/expiry': 'keep' } }, 'held by annotation branchline'],
])(
  'an environment that %s holds names it in its condition, and is routed to its base',
  async (_, metadata, held) => {
    shop(metadata)
    await start(deleting(0))
    await until(() => routes().includes('alice'), 'the override')
    expire(metadata)
    const status = await until(() => statusWith(held), 'the condition')
    await until(() => routes().length === 0, 'the base')
    const { conditions, expiresAt } = status.status as { conditions: object[]; expiresAt: string }
    expect(Date.parse(expiresAt)).toBeLessThanOrEqual(Date.now())
    const message = 'its ttl has ended: all requests go to base'
    expect(conditions[0]).toMatchObject({ type: 'Ready', status: 'True', reason: 'Expired', message })
    expect(conditions.at(-1)).toMatchObject({ type: 'Expired', status: 'True', reason: 'TimeToLiveEnded' })
    expect(removals).toEqual([])
  },
)

test('branches hold the environment that they are based on, until they are gone', async () => {
  expire()
  const ui = environment('ui', { base: 'alice' })
  api.put(ui)
  await start(deleting(0))
  await until(() => statusWith('held by the environments based on it (ui)'), 'the condition')
  expect(removals).toEqual([])
  api.remove(ui)
  await until(() => removals.length === 1, 'its end')
})

test('a cluster that deletes nothing says so in the condition, and a longer ttl brings the environment back', async () => {
  expire()
  await start(new LocalSource({ socketPath: api.socketPath, logger }))
  const status = await until(() => statusWith('this cluster deletes nothing'), 'the condition')
  expect(status.status).toMatchObject({ key: 'alice' })
  await until(() => routes().length === 0, 'the base')
  api.put(
    environment(
      'alice',
      { base: 'base', ttl: '999999h' },
      { generation: 2, creationTimestamp: new Date().toISOString() },
    ),
  )
  await until(() => routes().includes('alice'), 'the override')
  await until(() => statusWith('expires at'), 'the condition')
})
