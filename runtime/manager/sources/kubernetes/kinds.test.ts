import { podTrouble } from '@branchline/wire/pod-trouble'
import { expect, test } from 'vitest'
import { trim } from '../../../kubernetes/object.ts'
import { RESOURCES } from './kinds.ts'

test('of a Pod, the fields that say why it does not serve are kept, and its environment is not', () => {
  const resource = RESOURCES.find(({ kind }) => kind === 'Pod')
  if (resource === undefined) throw new Error('Pods are not watched')
  const terminated = { exitCode: 1, reason: 'Error', message: 'no DB', startedAt: 'x', containerID: 'y' }
  const pod = trim(resource, {
    metadata: { name: 'web-1', namespace: 'shop', resourceVersion: '1' },
    spec: { containers: [{ name: 'web', env: [{ name: 'PASSWORD', value: 'secret' }] }] },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'web',
          ready: false,
          imageID: 'z',
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated },
        },
      ],
    },
  })
  expect(podTrouble(pod, { messages: true })).toBe('exited with code 1: no DB')
  expect(JSON.stringify(pod)).not.toMatch(/secret|containerID|imageID/)
})
