import { expect, test } from 'vitest'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { serviceViews, whyNotReady } from './services-view.ts'

const service = (name: string, selector: object | undefined): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: selector === undefined ? { type: 'ExternalName' } : { selector },
})

const pod = (name: string, app: string, ready: boolean, more: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', labels: { app, 'pod-template-hash': 'h1' } },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }], ...more },
})
const exited = {
  containerStatuses: [
    {
      name: 'web',
      ready: false,
      lastState: { terminated: { exitCode: 1, reason: 'Error', message: 'no DB' } },
    },
  ],
}

test('a Service is ready if one of its pods is, and otherwise says why by its newest pod', () => {
  const views = serviceViews(
    [service('web', { app: 'web' }), service('api', { app: 'api' }), service('out', undefined)],
    [
      pod('web-h1-a', 'web', false),
      pod('web-h1-b', 'web', false, exited),
      pod('api-h1-a', 'api', true),
      pod('api-h1-b', 'api', false),
    ],
  )
  expect(views).toEqual([
    { name: 'api', namespace: 'shop', ready: true, pods: ['api-h1-a', 'api-h1-b'] },
    {
      name: 'web',
      namespace: 'shop',
      ready: false,
      why: 'exited with code 1: no DB',
      pods: ['web-h1-a', 'web-h1-b'],
    },
  ])
  expect(whyNotReady(views, 'shop')).toBe('web exited with code 1: no DB')
  expect(whyNotReady(views, 'other')).toBeUndefined()
})

test('pods without a Service count by their workload, two Services of the same pods once, pods that end not at all', () => {
  const ending = pod('web-h1-z', 'web', false)
  const views = serviceViews(
    [service('web', { app: 'web' }), service('web-headless', { app: 'web' })],
    [
      pod('web-h1-a', 'web', true),
      {
        ...ending,
        metadata: { ...ending.metadata, deletionTimestamp: 'now' } as KubernetesObject['metadata'],
      },
      pod('worker-h1-a', 'worker', false),
      pod('worker-h1-b', 'worker', true),
    ],
  )
  expect(views.map(({ name, ready, pods }) => [name, ready, pods.length])).toEqual([
    ['web', true, 1],
    ['worker', true, 2],
  ])
})

test('a pod that has ended is not awaited; a pod that runs after it counts', () => {
  const ended = (name: string, phase: string) => pod(name, 'migrate', false, { ...exited, phase })
  expect(serviceViews([], [ended('migrate-a', 'Failed'), ended('migrate-b', 'Succeeded')])).toMatchObject([
    { name: 'migrate-a', ended: 'Failed', why: 'exited with code 1: no DB' },
    { name: 'migrate-b', ended: 'Succeeded' },
  ])
  const views = serviceViews([], [ended('migrate-h1-a', 'Failed'), pod('migrate-h1-b', 'migrate', false)])
  expect(whyNotReady(views, 'shop')).toBe('migrate is starting')
  expect(whyNotReady(serviceViews([], [ended('migrate-a', 'Failed')]), 'shop')).toBeUndefined()
})

test.each([
  ['web', 'container web: it responded with 503', 'is not ready: it responded with 503'],
  ['web', 'container a: slow, container b: late', 'is not ready: container a: slow, container b: late'],
  ['branchline-sidecar', 'container branchline-sidecar: it responded with 503', 'is starting'],
])('of %s, %s is told as: %s', (name, message, why) => {
  const containerStatuses = [{ name, ready: false, state: { running: {} } }]
  const conditions = [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady', message }]
  const [view] = serviceViews([], [pod('web-h1-a', 'web', false, { containerStatuses, conditions })])
  expect(view?.why).toBe(why)
})

test('nothing waits for the pods of a Job, which count by its name', () => {
  const labels = { 'batch.kubernetes.io/job-name': 'migrate' }
  const running = pod('migrate-abcde', 'x', false)
  const views = serviceViews([], [{ ...running, metadata: { ...running.metadata, labels } }])
  expect(views).toMatchObject([{ name: 'migrate', ready: false, isJob: true }])
  expect(whyNotReady(views, 'shop')).toBeUndefined()
})
