import { describe, expect, test } from 'vitest'
import type { Job } from '../kubernetes.ts'
import { type JobPlan, type JobPod, type JobRecord, planJob } from './jobs.ts'
import { templateHash } from './replicas.ts'

const template = { spec: { containers: [{ name: 'a' }], restartPolicy: 'Never' as const } }
const hash = templateHash(template)
const job = (spec: Partial<Job['spec']> = {}): Job => ({
  metadata: { name: 'j' },
  spec: { template, ...spec },
})
const pod = (name: string, finished?: JobPod['finished'], other: Partial<JobPod> = {}): JobPod => ({
  name,
  hash,
  finished,
  restarts: 0,
  terminating: false,
  ...other,
})
const plan = (one: Job, pods: readonly JobPod[], nowMs = 0, record?: JobRecord): JobPlan =>
  planJob(one, pods, record, nowMs)

test('a Job has one pod, and completes with it', () => {
  expect(plan(job(), []).create).toEqual([undefined])
  expect(plan(job(), [pod('a')]).create).toEqual([])
  const done = plan(job(), [pod('a', 'Succeeded')], 7)
  expect(done).toMatchObject({ create: [], remove: [], record: { result: { type: 'Complete', atMs: 7 } } })
  expect(plan(job(), [pod('a', 'Succeeded')], 9, done.record).record.result?.atMs).toBe(7)
})

test('completions run at most parallelism at a time, with their own indexes', () => {
  const many = job({ completions: 4, parallelism: 2, completionMode: 'Indexed' })
  expect(plan(many, []).create).toEqual([0, 1])
  expect(plan(many, [pod('a', 'Succeeded', { index: 1 }), pod('b', undefined, { index: 0 })]).create).toEqual(
    [2],
  )
  const last = ['a', 'b', 'c'].map((name, index) => pod(name, 'Succeeded', { index }))
  expect(plan(many, last).create).toEqual([3])
})

test('without completions the first success ends the work, once every pod has ended', () => {
  const queue = job({ parallelism: 2 })
  expect(plan(queue, []).create).toEqual([undefined, undefined])
  expect(plan(queue, [pod('a', 'Succeeded'), pod('b')])).toMatchObject({ create: [], record: {} })
  expect(plan(queue, [pod('a', 'Succeeded'), pod('b', 'Failed')]).record.result?.type).toBe('Complete')
})

describe('a failed pod', () => {
  test('is replaced after a wait that grows', () => {
    const first = plan(job(), [pod('a', 'Failed')], 1_000)
    expect(first).toMatchObject({ create: [], againAtMs: 1_200 })
    expect(plan(job(), [pod('a', 'Failed')], 1_200, first.record).create).toEqual([undefined])
    const second = plan(job(), [pod('a', 'Failed'), pod('b', 'Failed')], 2_000, first.record)
    expect(second.againAtMs).toBe(2_400)
  })

  test('beyond the backoffLimit fails the Job, and ends its other pods', () => {
    const strict = job({ backoffLimit: 0, parallelism: 2, completions: 2 })
    const failed = plan(strict, [pod('a', 'Failed'), pod('b')])
    expect(failed).toMatchObject({
      remove: ['b'],
      record: { result: { type: 'Failed', reason: 'BackoffLimitExceeded' } },
    })
  })

  test('counts like restarts of a container', () => {
    expect(
      plan(job({ backoffLimit: 2 }), [pod('a', undefined, { restarts: 2 })]).record.result,
    ).toBeUndefined()
    expect(plan(job({ backoffLimit: 2 }), [pod('a', undefined, { restarts: 3 })]).record.result?.type).toBe(
      'Failed',
    )
  })
})

test('the deadline ends a Job, and the ttl removes it', () => {
  const limited = job({ activeDeadlineSeconds: 5, ttlSecondsAfterFinished: 10 })
  const { record, againAtMs } = plan(limited, [])
  expect(againAtMs).toBe(5_000)
  const late = plan(limited, [pod('a')], 5_000, record)
  expect(late).toMatchObject({
    remove: ['a'],
    againAtMs: 15_000,
    record: { result: { reason: 'DeadlineExceeded' } },
  })
  expect(plan(limited, [], 15_000, late.record)).toMatchObject({ isExpired: true })
})

test('a Job with another template ends its pods, and then runs again', () => {
  const old = pod('a', 'Succeeded', { hash: 'old' })
  const before = {
    hash: 'old',
    startedAtMs: 0,
    failures: new Map([['x', 1]]),
    result: { type: 'Failed' as const, atMs: 1, reason: '', message: '' },
  }
  expect(plan(job(), [old], 5, before)).toMatchObject({ create: [], remove: ['a'] })
  const leaving = { ...old, terminating: true }
  expect(plan(job(), [leaving], 5, before).create).toEqual([])
  const again = plan(job(), [], 6, before)
  expect(again.create).toEqual([undefined])
  expect(again.record.result).toBeUndefined()
})

test('a suspended Job has no pod', () => {
  expect(plan(job({ suspend: true }), [pod('a')])).toMatchObject({ create: [], remove: ['a'] })
})
