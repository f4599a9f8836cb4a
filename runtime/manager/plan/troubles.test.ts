/** Why a Service has no ready endpoint reaches sidecars, the gateway and statuses, and costs only what changed. */
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { expect, test } from 'vitest'
import { environment, preview, running, service, slice } from '../fixture/objects.ts'
import { allChanges } from '../store/snapshot.ts'
import { Store } from '../store/store.ts'
import { Planner } from './planner.ts'
import { resolve } from './resolve.ts'

const MESSAGE = 'Error: DB_URL is not set\n    at main'

/** A pod of a Service whose container exited, or runs. */
function crashed(
  namespace: string,
  name: string,
  exitCode: number | undefined,
  labels = { app: name },
): KubernetesObject {
  const terminated = { exitCode, reason: 'Error', message: MESSAGE }
  const status =
    exitCode === undefined
      ? { name, ready: true }
      : { name, ready: false, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated } }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${name}-0`, namespace, labels: { ...labels, 'branchline.dev/sidecar': 'true' } },
    status: { podIP: '10.0.0.1', phase: 'Running', containerStatuses: [status] },
  }
}

const down = (namespace: string, name: string): KubernetesObject[] => [
  service(namespace, name, { selector: { app: name } }),
  crashed(namespace, name, 1),
  slice(namespace, name, [{ pod: `${name}-0`, ip: '10.0.0.1', ready: false }]),
]

function planned(messages: boolean, ...objects: KubernetesObject[]): { planner: Planner; store: Store } {
  const store = new Store(
    (object, reason) => {
      throw new Error(`${object.kind} ${object.metadata.name}: ${reason}`)
    },
    { messages },
  )
  for (const object of objects) store.put(object)
  const planner = new Planner()
  planner.update(store, allChanges(store))
  store.takeChanges()
  return { planner, store }
}

const wanted = { environment: 'base', service: 'web', port: 80 }

test.each([
  [true, 'exited with code 1: Error: DB_URL is not set'],
  [false, 'exited with code 1'],
])('with messages %s, the table, the gateway and the status say: %s', (messages, trouble) => {
  const { planner } = planned(messages, environment('base'), preview('base', 'web'), ...down('base', 'web'))
  const { tables, forest, presences, previews } = planner.plan
  expect(tables.get('base/web-0')?.listeners[25001]).toMatchObject({ service: 'web', trouble })
  expect(resolve(forest, presences, wanted)).toMatchObject({ environment: 'base', trouble })
  expect(previews.get('base/web')?.verdict).toMatchObject({
    ready: false,
    message: `web of base has no ready endpoint, because it ${trouble}: requests go to endpoints that are not ready`,
  })
})

test('an override that is down says why, to the sidecars above it too', () => {
  const { planner } = planned(
    false,
    environment('base'),
    environment('alice', { base: 'base', onUnavailable: 'fail' }),
    ...running('base', 'web', '10.0.0.9'),
    ...down('alice', 'web'),
  )
  const { tables, environments } = planner.plan
  expect(tables.get('base/web-0')?.listeners[25001]?.routes['alice']).toMatchObject({
    endpoints: [],
    trouble: 'exited with code 1',
  })
  expect(environments.get('alice/alice')?.verdict.message).toBe(
    'no endpoint is ready: web exited with code 1 (requests fail meanwhile)',
  )
})

test('a pod that never got an address counts, although no slice lists it', () => {
  const { planner } = planned(
    false,
    environment('base'),
    service('base', 'web', { selector: { app: 'web' } }),
    crashed('base', 'web', 3),
  )
  const { forest, presences } = planner.plan
  expect(resolve(forest, presences, wanted)).toMatchObject({ endpoints: [], trouble: 'exited with code 3' })
})

test('a trouble that begins, changes, or ends is a change; one of another Service is not', () => {
  const { planner, store } = planned(false, environment('base'), ...down('base', 'web'))
  const troubleNow = (): string | undefined =>
    planner.plan.tables.get('base/web-0')?.listeners[25001]?.trouble
  store.put(crashed('base', 'web', 2))
  planner.update(store, store.takeChanges())
  expect(troubleNow()).toBe('exited with code 2')
  store.put(crashed('base', 'web', undefined))
  planner.update(store, store.takeChanges())
  expect(troubleNow()).toBeUndefined()
  store.put(crashed('base', 'other', 1))
  expect([...store.takeChanges().services]).toEqual([])
  const pod = crashed('base', 'web', 2)
  store.put(pod)
  expect([...store.takeChanges().services]).toEqual(['base/web'])
  store.remove(pod)
  expect([...store.takeChanges().services]).toEqual(['base/web'])
})

test('while an endpoint is ready, the trouble of another pod is not told', () => {
  const { planner } = planned(
    false,
    environment('base'),
    ...down('base', 'web'),
    slice('base', 'web', [{ pod: 'web-1', ip: '10.0.0.2' }]),
  )
  expect(resolve(planner.plan.forest, planner.plan.presences, wanted)).not.toHaveProperty('trouble')
})
