/** What people read about a pod is true: ready means that it answers, and a failure says why. */
import { join } from 'node:path'
import { podTrouble } from '@branchline/wire/pod-trouble'
import { afterEach, expect, test } from 'vitest'
import type { KubernetesObject } from './manifests/object.ts'
import { app, TestCluster } from './test/harness.ts'
import { describeProblem } from './types.ts'
import { until } from '../testing/until.ts'

const APP = join(import.meta.dirname, 'test/app.ts')

const started: TestCluster[] = []
async function start(...args: Parameters<typeof TestCluster.start>): Promise<TestCluster> {
  const cluster = await TestCluster.start(...args)
  started.push(cluster)
  return cluster
}
afterEach(async () => {
  await Promise.all(started.splice(0).map((cluster) => cluster.stop()))
})

test('an app that does not accept connections is not ready, and its Pod says why; once it accepts, all is well', async () => {
  const cluster = await start({
    'late.json': app('late', {
      // It listens once the file exists.
      container: {
        readinessProbe: undefined,
        command: [
          'sh',
          '-c',
          `until [ -e "$0" ]; do sleep 0.05; done; exec ${process.execPath} ${APP}`,
          '/gate/open',
        ],
        volumeMounts: [{ name: 'gate', mountPath: '/gate' }],
      },
      pod: { volumes: [{ name: 'gate', configMap: { name: 'gate', optional: true } }] },
    }),
  })
  const pod = () => cluster.cluster.store.list('Pod')[0]
  await until(() => JSON.stringify(pod()).includes('does not accept'), 'the reason')
  expect(pod()).toMatchObject({
    status: {
      conditions: expect.arrayContaining([
        {
          type: 'Ready',
          status: 'False',
          reason: 'ContainersNotReady',
          message: 'container late: it does not accept connections on port 8080',
        },
      ]) as unknown,
      containerStatuses: [{ name: 'late', ready: false, state: { running: {} } }],
    },
  })
  expect(cluster.pods('shop', 'late')[0]?.ready).toBe(false)
  const metadata = { name: 'gate', namespace: 'shop' }
  cluster.write('gate.json', [{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { open: '' } }])
  await cluster.ready('shop', 'late')
})

test('a container that fails has its exit code and its last lines in its Pod, and the problem is solved later', async () => {
  const configMap = (ok: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c', namespace: 'shop' },
    data: { OK: ok },
  })
  const script = `[ -n "$(cat /conf/OK)" ] && exec ${process.execPath} ${APP}; echo 'Error: DB_URL is not set' >&2; exit 3`
  const container = { command: ['sh', '-c', script], volumeMounts: [{ name: 'c', mountPath: '/conf' }] }
  const pod = { volumes: [{ name: 'c', configMap: { name: 'c' } }] }
  const solved: string[] = []
  const cluster = await start(
    { 'api.json': app('api', { container, pod }), 'c.json': [configMap('')] },
    { onSolved: (problem) => void solved.push(describeProblem(problem)) },
  )
  const status = () => cluster.cluster.store.list('Pod')[0]
  await until(() => JSON.stringify(status()).includes('CrashLoopBackOff'), 'the crash')
  expect(podTrouble(status() as KubernetesObject, { messages: true })).toBe(
    'exited with code 3: Error: DB_URL is not set',
  )
  expect(status()).toMatchObject({
    status: {
      containerStatuses: [
        { lastState: { terminated: { exitCode: 3, reason: 'Error', message: 'Error: DB_URL is not set' } } },
      ],
    },
  })
  cluster.write('c.json', [configMap('yes')])
  await cluster.ready('shop', 'api')
  await until(() => solved.length > 0, 'the solution')
  expect(solved.join()).toContain('exited with code 3 (it last wrote: Error: DB_URL is not set)')
  expect(cluster.cluster.problems()).toEqual([])
  expect(podTrouble(status() as KubernetesObject, { messages: true })).toBeUndefined()
})
