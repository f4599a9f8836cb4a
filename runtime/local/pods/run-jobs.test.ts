import { afterEach, describe, expect, test } from 'vitest'
import { TestCluster } from '../test/harness.ts'
import { deployment, job, lines, metadata, said, sh, template } from '../test/manifests.ts'
import { until } from '../../testing/until.ts'

const started: TestCluster[] = []
async function start(...args: Parameters<typeof TestCluster.start>): Promise<TestCluster> {
  const cluster = await TestCluster.start(...args)
  started.push(cluster)
  return cluster
}
afterEach(async () => {
  await Promise.all(started.splice(0).map((cluster) => cluster.stop()))
})

describe('init containers', () => {
  test('run in order, and one that fails is tried again', async () => {
    const once = 'if [ -e $D/tried ]; then echo second; else touch $D/tried; echo first; exit 1; fi'
    const mounted = {
      volumeMounts: [{ name: 'd', mountPath: '/branchline-test' }],
      env: [{ name: 'D', value: '/branchline-test' }],
    }
    const spec = {
      volumes: [{ name: 'd', emptyDir: {} }],
      initContainers: [{ ...sh(once, 'one'), ...mounted }, sh('echo third', 'two')],
      containers: [sh('echo app; sleep 60')],
    }
    const cluster = await start({ 'a.json': [deployment(spec)] })
    await said(cluster, 'app')
    expect(lines(cluster)).toEqual(['first', 'second', 'third', 'app'])
    expect(cluster.reported.join('\n')).toMatch(
      /container one exited with code 1 \(it last wrote: first\); restarting it$/,
    )
  })

  test('with restartPolicy Never fail the pod', async () => {
    const cluster = await start({
      'j.json': [
        job({ backoffLimit: 0 }, { initContainers: [sh('exit 3', 'one')], containers: [sh('echo app')] }),
      ],
    })
    await until(() => cluster.reported.length > 1, 'two problems')
    expect(cluster.reported.map((line) => line.replace('j.json:1: Job shop/j: ', ''))).toEqual([
      'container one exited with code 3',
      'Job j has failed: it has failed more often than its backoffLimit of 0 allows',
    ])
    expect(lines(cluster)).toEqual([])
  })
})

type Status = {
  status?: { succeeded?: number; failed?: number; conditions?: { type: string; reason: string }[] }
}
const statusOf = (cluster: TestCluster, name = 'j'): Status['status'] =>
  (cluster.cluster.store.get(`Job/shop/${name}`) as Status | undefined)?.status
const ended = (cluster: TestCluster, name = 'j') =>
  until(
    () => statusOf(cluster, name)?.conditions?.[0]?.type,
    () => JSON.stringify(cluster.reported),
  )

describe('a Job', () => {
  test('runs its completions, ends its sidecars, and runs again when it changes', async () => {
    const sidecar = {
      ...sh('trap "exit 0" TERM; while true; do sleep 0.05; done', 's'),
      restartPolicy: 'Always',
    }
    const pod = (text: string) => ({
      initContainers: [sidecar],
      containers: [sh(`echo ${text} $JOB_COMPLETION_INDEX`)],
    })
    const spec = { completions: 3, parallelism: 2, completionMode: 'Indexed' }
    const cluster = await start({ 'j.json': [job(spec, pod('one'))] })
    expect(await ended(cluster)).toBe('Complete')
    expect(lines(cluster).toSorted()).toEqual(['one 0', 'one 1', 'one 2'])
    expect(statusOf(cluster)).toMatchObject({ succeeded: 3, failed: 0, active: 0 })
    // Its pods have ended, so that they are not among the running ones, and nothing waits for them.
    expect(cluster.pods('shop', 'j')).toEqual([])
    const phases = cluster.cluster.store.list('Pod').map((pod) => (pod['status'] as { phase: string }).phase)
    expect(phases).toEqual(['Succeeded', 'Succeeded', 'Succeeded'])
    cluster.write('j.json', [job({}, pod('two'))])
    await said(cluster, 'two')
    expect(await ended(cluster)).toBe('Complete')
    expect(lines(cluster)).toEqual(['two'])
    expect(cluster.reported).toEqual([])
  })

  test('is tried again, and removed at the end of its ttl', async () => {
    const container = {
      ...sh('if [ -e $D/tried ]; then exit 0; fi; touch $D/tried; exit 1'),
      env: [{ name: 'D', value: '/branchline-test' }],
      volumeMounts: [{ name: 'd', mountPath: '/branchline-test' }],
    }
    const cluster = await start({
      'j.json': [
        job(
          { ttlSecondsAfterFinished: 0 },
          { containers: [container], volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'd' } }] },
        ),
      ],
    })
    await until(() => cluster.reported.length === 1, 'a failure')
    await until(() => cluster.cluster.store.get('Job/shop/j') === undefined, 'its end')
    await until(() => cluster.cluster.store.list('Pod').length === 0, 'the end of its pods')
    expect(cluster.reported).toEqual(['j.json:1: Job shop/j: container c exited with code 1'])
  })

  test('that runs too long is ended', async () => {
    const cluster = await start({
      'j.json': [job({ activeDeadlineSeconds: 1 }, { containers: [sh('echo up; sleep 60')] })],
    })
    expect(await ended(cluster)).toBe('Failed')
    expect(statusOf(cluster)?.conditions?.[0]?.reason).toBe('DeadlineExceeded')
    await until(() => cluster.pods('shop', 'j').length === 0, 'the end of its pod')
    expect(cluster.reported.at(-1)).toBe(
      'j.json:1: Job shop/j: Job j has failed: it has run longer than its activeDeadlineSeconds of 1',
    )
  })

  test('with a restart policy of Always is refused', async () => {
    const cluster = await start({
      'j.json': [job({}, { restartPolicy: 'Always', containers: [sh('true')] })],
    })
    expect(cluster.reported).toEqual([
      'j.json:1: Job shop/j: spec.template.spec.restartPolicy is "Always": wanted Never or OnFailure',
    ])
  })
})

test('a CronJob starts a Job at its time, and its Jobs end with it', async () => {
  // The clock of this cluster is half a second before a full minute.
  const offsetMs = 60_000 - (Date.now() % 60_000) - 500
  const cronJob = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: metadata('tick'),
    spec: {
      schedule: '* * * * *',
      jobTemplate: {
        spec: { template: template({ restartPolicy: 'OnFailure', containers: [sh('echo tick')] }) },
      },
    },
  }
  const cluster = await start({ 'c.json': [cronJob] }, { now: () => Date.now() + offsetMs })
  await said(cluster, 'tick')
  const [run] = cluster.cluster.store.list('Job')
  expect(run?.metadata.name).toMatch(/^tick-\d{8}$/)
  expect(await ended(cluster, run?.metadata.name)).toBe('Complete')
  cluster.remove('c.json')
  await until(() => cluster.cluster.store.list('Job').length === 0, 'the end of the Job')
  await until(() => cluster.cluster.store.list('Pod').length === 0, 'the end of its pods')
  expect(cluster.reported).toEqual([])
})

test('an invalid schedule is reported with its line and value', async () => {
  const spec = {
    schedule: 'at noon',
    jobTemplate: { spec: { template: template({ restartPolicy: 'Never', containers: [sh('true')] }) } },
  }
  const cluster = await start({
    'c.json': [{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: metadata('c'), spec }],
  })
  expect(cluster.reported).toHaveLength(1)
  expect(cluster.reported[0]).toMatch(
    /^c\.json:1: CronJob shop\/c: spec\.schedule is "at noon": wanted five fields of cron/,
  )
})
