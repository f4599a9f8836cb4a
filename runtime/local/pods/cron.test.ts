import { describe, expect, test } from 'vitest'
import type { CronJob } from '../kubernetes.ts'
import { type CronRun, nextRunMs, planCron, runName, scheduleFault } from './cron.ts'

const at = (text: string): number => Date.parse(text)
const cronJob = (spec: Partial<CronJob['spec']> = {}): CronJob => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'c' },
  spec: { schedule: '*/5 * * * *', timeZone: 'Etc/UTC', jobTemplate: { spec: {} } as never, ...spec },
})
const SINCE = at('2026-03-01T00:01:00Z')
const NOW = at('2026-03-01T00:05:00Z')
const plan = (spec: Partial<CronJob['spec']>, runs: CronRun[] = [], nowMs = NOW) =>
  planCron(cronJob(spec), runs, SINCE, nowMs)

describe('the next run', () => {
  test.each([
    ['*/5 * * * *', 'Etc/UTC', '2026-03-01T00:01:00Z', '2026-03-01T00:05:00Z'],
    ['0 3 * * *', 'Europe/Berlin', '2026-07-01T00:00:00Z', '2026-07-01T01:00:00Z'],
    ['0 3 * * *', 'Europe/Berlin', '2026-01-01T00:00:00Z', '2026-01-01T02:00:00Z'],
    ['@daily', 'Etc/UTC', '2026-01-01T00:00:01Z', '2026-01-02T00:00:00Z'],
    // Either day matches: the 13th, or a Friday.
    ['0 0 13 * 5', 'Etc/UTC', '2026-03-08T00:00:00Z', '2026-03-13T00:00:00Z'],
    ['0 0 13 * 5', 'Etc/UTC', '2026-03-13T00:00:00Z', '2026-03-20T00:00:00Z'],
    ['0 0 ? * MON', 'Etc/UTC', '2026-03-08T00:00:00Z', '2026-03-09T00:00:00Z'],
  ])('of %s in %s after %s', (schedule, timeZone, after, next) => {
    expect(nextRunMs(schedule, timeZone, at(after))).toBe(at(next))
  })
})

test.each([
  ['* * * *', undefined, 'schedule'],
  ['0 * * * * *', undefined, 'schedule'],
  ['61 * * * *', undefined, 'schedule'],
  ['@every 1h', undefined, 'schedule'],
  ['@sometimes', undefined, 'schedule'],
  ['* * * * *', 'Mars/Olympus', 'timeZone'],
])('%s in %s is invalid', (schedule, timeZone, field) => {
  expect(scheduleFault(schedule, timeZone)?.field).toBe(field)
})

test('a run starts when it is due, and the next one is planned', () => {
  expect(plan({}, [], NOW - 1)).toEqual({ remove: [], sinceMs: SINCE, againAtMs: NOW })
  expect(plan({})).toEqual({ start: NOW, remove: [], sinceMs: NOW, againAtMs: NOW + 300_000 })
  expect(runName('c', NOW)).toBe(`c-${NOW / 60_000}`)
})

test('of several missed runs only the latest starts, if its deadline is not over', () => {
  const late = NOW + 7 * 300_000 + 20_000
  expect(plan({}, [], late).start).toBe(NOW + 7 * 300_000)
  expect(plan({ startingDeadlineSeconds: 10 }, [], late)).not.toHaveProperty('start')
  expect(plan({ startingDeadlineSeconds: 30 }, [], late).start).toBe(NOW + 7 * 300_000)
  expect(plan({ schedule: '* * * * *' }, [], NOW + 86_400_000 * 365).againAtMs).toBeGreaterThan(
    NOW + 86_400_000 * 364,
  )
})

test('concurrencyPolicy decides while another run is active', () => {
  const active: CronRun[] = [{ name: 'c-1', scheduledAtMs: 60_000, result: undefined }]
  expect(plan({}, active).start).toBe(NOW)
  expect(plan({ concurrencyPolicy: 'Forbid' }, active)).not.toHaveProperty('start')
  expect(plan({ concurrencyPolicy: 'Replace' }, active)).toMatchObject({ start: NOW, remove: ['c-1'] })
})

test('a suspended CronJob starts nothing, and misses nothing', () => {
  expect(plan({ suspend: true })).toEqual({ remove: [], sinceMs: NOW })
})

test('only the newest finished runs are kept', () => {
  const runs = [1, 2, 3, 4, 5].map((index): CronRun => {
    return { name: `c-${index}`, scheduledAtMs: index, result: index % 2 === 0 ? 'Failed' : 'Complete' }
  })
  expect(plan({ suspend: true }, runs).remove).toEqual(['c-2'])
  expect(
    plan({ suspend: true, successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 }, runs).remove,
  ).toEqual(['c-1', 'c-3', 'c-2', 'c-4'])
})
