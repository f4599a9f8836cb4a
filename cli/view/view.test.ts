import { describe, expect, test } from 'vitest'
import { versionText } from '../commands/version.ts'
import { describedEnvironment } from './describe.ts'
import { POD_COLUMNS, podRow } from './pods.ts'
import type { EnvironmentObject, PodObject, ServiceObject } from './resources.ts'
import { inTreeOrder, reasonsOf } from './resources.ts'
import { routesOf } from './routes.ts'
import { findService, parseServiceName, podsOf, workersNamed } from './services.ts'
import { platformParts, statusText } from './status.ts'

const NOW = Date.parse('2026-11-21T10:10:00Z')
const creationTimestamp = '2026-11-21T10:00:00Z'
const environment = (
  name: string,
  spec: EnvironmentObject['spec'] = {},
  status: EnvironmentObject['status'] = {},
): EnvironmentObject => ({
  apiVersion: 'branchline.dev/v1alpha1',
  kind: 'Environment',
  metadata: { name, namespace: `ns-${name}`, creationTimestamp },
  spec: { type: spec.base === undefined ? 'shared' : 'branch', ...spec },
  status: { conditions: [{ type: 'Ready', status: 'True', reason: 'Routed' }], ...status },
})
const service = (
  name: string,
  namespace: string,
  selector: Record<string, string> = { app: name },
): ServiceObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector },
})
const pod = (name: string, namespace: string, more: Partial<PodObject> = {}): PodObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, creationTimestamp, labels: { app: name.split('-')[0] as string } },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  ...more,
})
const slice = (namespace: string, name: string, ready: readonly boolean[]) => ({
  metadata: { namespace, labels: { 'kubernetes.io/service-name': name } },
  endpoints: ready.map((one) => ({ conditions: { ready: one } })),
})

const base = environment('base')
const alice = environment('alice', { base: 'base' }, { overrides: ['api'] })
const deep = environment('deep', { base: 'alice' }, { overrides: [] })
const all = [deep, alice, base]
const services = [service('web', 'ns-base'), service('api', 'ns-base'), service('api', 'ns-alice')]

test('environments are in the order of a tree, also with a circle', () => {
  const circle = [environment('x', { base: 'y' }), environment('y', { base: 'x' })]
  expect(inTreeOrder([...circle, ...all]).map(({ metadata }) => metadata.name)).toEqual([
    'base',
    'alice',
    'deep',
    'x',
    'y',
  ])
})

test('a request reaches the nearest environment that serves the service', () => {
  const slices = [slice('ns-alice', 'api', [true, false]), slice('ns-base', 'web', [true])]
  const routes = routesOf(all, services, slices).map(
    (one) => `${one.environment} ${one.service} ${one.servedBy} ${one.endpoints}`,
  )
  expect(routes).toEqual([
    'base api base 0',
    'base web base 1',
    'alice api alice 1',
    'alice web base 1',
    'deep api alice 1',
    'deep web base 1',
  ])
})

test('the overrides of a paused branch serve nothing', () => {
  const paused = environment('alice', { base: 'base', paused: true }, { overrides: ['api'] })
  const served = routesOf([base, paused], services, []).filter((one) => one.environment === 'alice')
  expect(served.map(({ servedBy }) => servedBy)).toEqual(['base', 'base'])
})

test('reasons: why it is not ready, and every other condition that holds', () => {
  const conditions = [
    { type: 'Ready', status: 'False', reason: 'KeyTaken', message: 'choose another key' },
    { type: 'Stalled', status: 'True', reason: 'KeyTaken', message: 'choose another key' },
    { type: 'Warnings', status: 'True', reason: 'NotTcp', message: 'UDP' },
    { type: 'Expired', status: 'False', message: 'later' },
  ]
  expect(reasonsOf({ status: { conditions } })).toEqual(['KeyTaken: choose another key', 'NotTcp: UDP'])
  expect(reasonsOf({})).toEqual(['the manager has not seen it yet'])
})

describe('a service', () => {
  const find = (name: string, namespace?: string) =>
    findService(parseServiceName(name), namespace, all, services)

  test.each([
    ['web', undefined, 'ns-base'],
    ['api', undefined, 'ns-base'],
    ['api@alice', undefined, 'ns-alice'],
    ['api', 'ns-alice', 'ns-alice'],
  ])('%s in namespace %s is in %s', (name, namespace, expected) => {
    expect(find(name, namespace).namespace).toBe(expected)
  })

  test.each([
    ['web@alice', undefined, 'alice does not run web: base serves it, so use web@base'],
    ['apj@alice', undefined, 'alice does not run apj: did you mean api?'],
    ['api@alcie', undefined, 'environment "alcie" does not exist: did you mean alice?'],
    ['wbe', undefined, 'service "wbe" does not exist in any environment: did you mean web?'],
    ['api', 'other', 'namespace "other" has no environment: name one with SERVICE@ENVIRONMENT'],
    ['a@b@c', undefined, '"a@b@c" is not a service: wanted SERVICE or SERVICE@ENVIRONMENT'],
  ])('%s in namespace %s: a message with a remedy', (name, namespace, message) => {
    expect(() => find(name, namespace)).toThrow(message)
  })

  test('may be a workload or a Job that no Service selects', () => {
    const worker = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'mailer', namespace: 'ns-base' },
      spec: { selector: { matchLabels: { app: 'mail' } } },
    }
    const labels = { 'batch.kubernetes.io/job-name': 'seed' }
    const job = { ...pod('seed-x1', 'ns-base'), metadata: { name: 'seed-x1', namespace: 'ns-base', labels } }
    const pods = [pod('mail-1', 'ns-base'), pod('web-1', 'ns-base'), job]
    const podsNamed = (name: string): string[] => {
      const workers = workersNamed(name, [worker], pods)
      const found = findService(parseServiceName(name), undefined, all, [...services, ...workers])
      return podsOf(found, pods).map(({ metadata }) => metadata.name)
    }
    expect(podsNamed('mailer')).toEqual(['mail-1'])
    expect(podsNamed('seed')).toEqual(['seed-x1'])
    expect(() => podsNamed('sead')).toThrow('service "sead" does not exist in any environment')
  })

  test('has the pods that its selector selects in its namespace', () => {
    const pods = [
      pod('api-2', 'ns-alice'),
      pod('api-1', 'ns-alice'),
      pod('api-3', 'ns-base'),
      pod('web-1', 'ns-alice'),
    ]
    expect(podsOf(find('api@alice'), pods).map(({ metadata }) => metadata.name)).toEqual(['api-1', 'api-2'])
  })
})

test('a pod counts its containers and native sidecars, and says why one waits', () => {
  const waiting = { reason: 'CrashLoopBackOff', message: 'DB_URL is not set' }
  const row = podRow(
    pod('api-1', 'ns-alice', {
      spec: {
        containers: [{ name: 'app' }],
        initContainers: [
          {
            name: 'branchline-sidecar',
            image: 'mirror:5000/branchline/sidecar:0.1.0@sha256:00',
            restartPolicy: 'Always',
          },
          { name: 'migrate' },
        ],
      },
      status: {
        phase: 'Running',
        podIP: '10.0.0.1',
        containerStatuses: [{ name: 'app', ready: false, restartCount: 3, state: { waiting } }],
        initContainerStatuses: [
          { name: 'branchline-sidecar', ready: true, restartCount: 1 },
          { name: 'migrate', ready: true, restartCount: 7 },
        ],
      },
    }),
    NOW,
  )
  expect(Object.fromEntries(POD_COLUMNS.map(({ title }, index) => [title, row.cells[index]]))).toEqual({
    NAMESPACE: 'ns-alice',
    NAME: 'api-1',
    READY: '1/2',
    STATUS: { text: 'CrashLoopBackOff', tone: 'bad' },
    RESTARTS: '4',
    AGE: '10m',
    IP: '10.0.0.1',
    NODE: '-',
    SIDECAR: '0.1.0',
  })
  expect(row.notes).toEqual(['app: DB_URL is not set'])
})

const platformPod = (name: string, image: string): PodObject =>
  pod(name, 'branchline-system', { spec: { containers: [{ name: 'main', image }] } })

test('status is one screen of 80 columns', () => {
  const problems = Array.from(
    { length: 10 },
    (_, index) => `a.yaml:${index}: ${'a long sentence about what is wrong '.repeat(3)}`,
  )
  const text = statusText(
    {
      target: 'up of /home/somebody/with/a/long/path/to/the/manifests/of/the/shop (port 8080, process 12345)',
      pods: [platformPod('branchline-manager-1', 'branchline/manager:0.1.0')],
      environments: [
        base,
        environment(
          'alice',
          { base: 'base' },
          {
            overrides: ['api', 'pricing', 'another-service'],
            previews: [{ name: 'web', url: 'http://web--alice.localhost:8080' }],
          },
        ),
      ],
      problems,
    },
    { width: 80 },
    NOW,
  )
  const lines = text.split('\n')
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80)
  expect(lines).toContain('manager    1/1     0.1.0')
  expect(lines).toContain('relay      none    -')
  expect(lines).toContain('  and 2 more')
  expect(text).toContain('http://web--alice.localhost:8080')
})

test('a description has every part', () => {
  const snapshot = { Environment: all, Service: services, Pod: [pod('api-1', 'ns-alice')], EndpointSlice: [] }
  const text = describedEnvironment(deep, snapshot, { width: 80 }, NOW)
  expect(text).toContain('Base:           alice → base\n')
  expect(text).toContain('Ready:          True\n')
  expect(text).toContain('\nPods: none\n')
  expect(text).toMatch(/\nServices:\n {2}SERVICE {3}SERVED BY {3}ENDPOINTS\n {2}api {7}alice {7}0\n/)
  expect(describedEnvironment(alice, snapshot, {}, NOW)).toMatch(/\nPods:\n {2}NAME +READY/)
})

test('coordinators with pods of their own are a part', () => {
  const pods = ['branchline-relay-1', 'branchline-coordinator-1', 'branchline-coordinator-2']
  const parts = platformParts(pods.map((name) => platformPod(name, 'branchline/relay:0.1.0')))
  expect(parts.map(({ name, total }) => [name, total])).toEqual([
    ['manager', 0],
    ['relay', 1],
    ['coordinator', 2],
    ['sidecars', 0],
  ])
})

test('versions of both sides, and a hint if they differ', () => {
  const client = { version: '0.2.0', node: 'v24.7.0' }
  const parts = platformParts([platformPod('branchline-relay-1', 'branchline/relay:0.1.0')])
  expect(versionText({ client, platform: { target: 'context dev', parts, kubernetes: 'v1.33.1' } })).toBe(
    'client:     0.2.0 (Node v24.7.0)\ntarget:     context dev\nkubernetes: v1.33.1\nmanager:    none\nrelay:      0.1.0\n' +
      'sidecars:   none\nrelay: another version than this command\n',
  )
  expect(versionText({ client, problem: 'no up is running' })).toBe(
    'client:     0.2.0 (Node v24.7.0)\nplatform:   none: no up is running\n',
  )
})
