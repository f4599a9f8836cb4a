import type { TrafficReport } from '@branchline/wire/routes/traffic'
import { expect, test } from 'vitest'
import { Observer, type Pod } from './observer.ts'

const podAt = (id: string): Pod => ({ id, environment: 'baseline', service: id })

test('a pod that reports more times than a sidecar does hides nothing that others report', () => {
  const observer = new Observer({ podAt })
  const report = (service: string, untilMs: number, calls: TrafficReport['calls']): void => {
    const rest = { keyed: [], raw: [], keyedTimes: [] }
    observer.take(podAt(service), { type: 'traffic', untilMs, calls, ...rest }, untilMs)
  }
  const startMs = 1_764_000_000_000
  report('gateway', startMs, [])
  const at = Array.from({ length: 64 }, (_, index) => index)
  const flood = Array.from({ length: 32 }, () => {
    return { service: 'mallory', from: 'gateway', keyed: 0, keyless: 64, at }
  })
  for (let index = 0; index < 110; index++) report('mallory', startMs + index, flood)
  report('orders', startMs + 200, [{ service: 'orders', from: 'gateway', keyed: 0, keyless: 1, at: [10] }])
  expect(observer.calledWithoutKey('gateway', startMs + 185, 10)).toEqual(['orders'])
})
