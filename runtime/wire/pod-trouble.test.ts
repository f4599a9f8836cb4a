import fc from 'fast-check'
import { expect, test } from 'vitest'
import { podTrouble } from './pod-trouble.ts'

const podWith = (status: unknown) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'alice' },
  status,
})
const exit = (exitCode: number, more = {}) => ({ terminated: { exitCode, reason: 'Error', ...more } })
const message = 'Error: DB_URL is not set\n    at main\n'

test.each([
  [
    'a crash loop',
    {
      containerStatuses: [
        {
          name: 'web',
          ready: false,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: exit(1, { message }),
        },
      ],
    },
    'exited with code 1: Error: DB_URL is not set',
    'exited with code 1',
  ],
  [
    'a container that runs again and is not ready',
    { containerStatuses: [{ name: 'web', ready: false, state: { running: {} }, lastState: exit(2) }] },
    'exited with code 2',
    'exited with code 2',
  ],
  [
    'an image that cannot be pulled',
    {
      containerStatuses: [
        {
          name: 'web',
          ready: false,
          state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off' } },
        },
      ],
    },
    'cannot start: ImagePullBackOff: Back-off',
    'cannot start: ImagePullBackOff',
  ],
  [
    'too much memory, in one of two containers',
    {
      containerStatuses: [
        { name: 'branchline-sidecar', ready: true },
        { name: 'log', ready: true, state: { running: {} } },
        { name: 'web', ready: false, state: exit(137, { reason: 'OOMKilled' }) },
      ],
    },
    'exited with code 137 (OOMKilled) (container web)',
    'exited with code 137 (OOMKilled) (container web)',
  ],
  [
    'an init container',
    {
      initContainerStatuses: [
        { name: 'first', ready: true, state: exit(0) },
        { name: 'migrate', ready: false, state: exit(3, { message: 'no table\n' }) },
      ],
      containerStatuses: [{ name: 'web', ready: false, state: { waiting: { reason: 'PodInitializing' } } }],
    },
    'exited with code 3 (container migrate): no table',
    'exited with code 3 (container migrate)',
  ],
  [
    'no node',
    {
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }],
    },
    'cannot be scheduled on any node: 0/3 nodes',
    'cannot be scheduled on any node',
  ],
  [
    'an app that runs and does not listen',
    {
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: 'ContainersNotReady',
          message: 'container web: it does not accept connections on port 80',
        },
      ],
      containerStatuses: [{ name: 'web', ready: false, state: { running: {} } }],
    },
    'is not ready: it does not accept connections on port 80',
    'is not ready',
  ],
  [
    'an app before its first probe',
    {
      conditions: [
        { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'container web' },
      ],
      containerStatuses: [{ name: 'web', ready: false, state: { running: {} } }],
    },
    undefined,
    undefined,
  ],
  [
    'a sidecar without routes yet',
    {
      conditions: [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'x' }],
      containerStatuses: [
        { name: 'branchline-sidecar', ready: false, state: { running: {} } },
        { name: 'web', ready: true, state: { running: {} } },
      ],
    },
    undefined,
    undefined,
  ],
  [
    'a ready pod that crashed before',
    { containerStatuses: [{ name: 'web', ready: true, lastState: exit(1) }] },
    undefined,
    undefined,
  ],
  [
    'a start',
    {
      containerStatuses: [{ name: 'web', ready: false, state: { waiting: { reason: 'ContainerCreating' } } }],
    },
    undefined,
    undefined,
  ],
  ['no status', undefined, undefined, undefined],
  ['an invalid status', { containerStatuses: 7 }, undefined, undefined],
])('%s', (_name, status, shown, hidden) => {
  expect(podTrouble(podWith(status), { messages: true })).toBe(shown)
  expect(podTrouble(podWith(status), { messages: false })).toBe(hidden)
})

test('any status results in one line or nothing, and hidden messages stay hidden', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constant('SECRET\nSECRET'))
  const state = fc.record(
    {
      waiting: fc.record({ reason: fc.constantFrom('X', 'CrashLoopBackOff'), message: text }),
      terminated: fc.record({ exitCode: fc.integer(), reason: fc.string(), message: text }),
    },
    { requiredKeys: [] },
  )
  const status = fc.record({ name: fc.constant('web'), ready: fc.boolean(), state, lastState: state })
  fc.assert(
    fc.property(fc.array(status), (containerStatuses) => {
      const pod = podWith({ containerStatuses })
      expect(podTrouble(pod, { messages: false }) ?? '').not.toContain('SECRET')
      expect(podTrouble(pod, { messages: true }) ?? '').not.toContain('\n')
    }),
  )
})

test('a sidecar is named, and its log is not quoted', () => {
  const message = '{"level":30,"component":"sidecar","msg":"request"}\n'
  const sidecar = { name: 'branchline-sidecar', ready: false, state: exit(137, { message }) }
  expect(podTrouble(podWith({ initContainerStatuses: [sidecar] }), { messages: true })).toBe(
    'exited with code 137 (container branchline-sidecar)',
  )
})
