import { MAX_CALL_TIMES, MAX_TRAFFIC_ENTRIES } from '@branchline/wire/routes/protocol'
import { traffic } from '@branchline/wire/routes/traffic'
import { expect, test } from 'vitest'
import { Recorder } from './recorder.ts'

/** Records one request that lasts from one time to another. */
function request(
  recorder: Recorder,
  [beganMs, endedMs]: [number, number],
  { service = 'api', key = undefined as string | undefined, from = '10.0.0.1' } = {},
): void {
  const begun = recorder.begin(key !== undefined, beganMs)
  recorder.end({ service, key, from, begun, arrivedAtMs: beganMs }, endedMs)
}
const ALICE = { key: 'alice' }

test('a report counts requests by key and by caller, and then starts again', () => {
  const recorder = new Recorder(0)
  request(recorder, [100, 110], ALICE)
  request(recorder, [200, 210], ALICE)
  request(recorder, [300, 310], { from: '10.0.0.2' })
  recorder.end({ service: 'api', key: 'bob', from: undefined, begun: undefined, arrivedAtMs: 400 }, 401)
  recorder.raw('db', '10.0.0.1', 'baseline')
  expect(recorder.take(1_000, 50_000)).toEqual({
    type: 'traffic',
    untilMs: 50_000,
    keyed: [
      { service: 'api', key: 'alice', received: 2, served: 2 },
      { service: 'api', key: 'bob', received: 1, served: 0 },
    ],
    calls: [
      { service: 'api', from: '10.0.0.1', keyed: 2, keyless: 0, at: [] },
      { service: 'api', from: '10.0.0.2', keyed: 0, keyless: 1, at: [700] },
    ],
    raw: [{ service: 'db', from: '10.0.0.1', environment: 'baseline', opened: 1 }],
    keyedTimes: [
      { beganMs: 900, ms: 10, idleMs: 100 },
      { beganMs: 800, ms: 10, idleMs: 90 },
    ],
  })
  expect(recorder.take(2_000, 51_000)).toBeUndefined()
  // A manager that has just begun to observe needs to know of connections that were opened before.
  recorder.again()
  expect(recorder.take(3_000, 52_000)).toMatchObject({ keyed: [], raw: [{ service: 'db' }] })
})

test('requests that overlap are one keyed time, and one without a key ends it before it begins', () => {
  const recorder = new Recorder(0)
  const first = recorder.begin(true, 100)
  const second = recorder.begin(true, 110)
  recorder.end({ service: 'api', key: 'a', from: undefined, begun: first, arrivedAtMs: 100 }, 120)
  recorder.end({ service: 'api', key: 'a', from: undefined, begun: second, arrivedAtMs: 110 }, 150)
  const third = recorder.begin(true, 300)
  const keyless = recorder.begin(false, 350)
  recorder.end({ service: 'api', key: 'a', from: undefined, begun: third, arrivedAtMs: 300 }, 360)
  // It began while a request without a key ran.
  request(recorder, [365, 370], ALICE)
  recorder.end({ service: 'api', key: undefined, from: undefined, begun: keyless, arrivedAtMs: 350 }, 400)
  request(recorder, [500, 520], ALICE)
  // So soon after it that the clocks of the sidecars could disagree about the order.
  request(recorder, [525, 530])
  expect(recorder.take(1_000, 1_000)?.keyedTimes).toEqual([
    { beganMs: 900, ms: 50, idleMs: 100 },
    { beganMs: 700, ms: 40, idleMs: 150 },
    { beganMs: 500, ms: 15, idleMs: 100 },
  ])
})

test('a stream that does not end does not hide later requests', () => {
  const recorder = new Recorder(0)
  const stream = recorder.begin(false, 0)
  for (let second = 1; second <= 20; second++) recorder.tick(second * 1_000)
  request(recorder, [20_500, 20_510], ALICE)
  expect(recorder.take(21_000, 0)?.keyedTimes).toHaveLength(1)
  recorder.end({ service: 'api', key: undefined, from: undefined, begun: stream, arrivedAtMs: 0 }, 22_000)
  request(recorder, [23_000, 23_010], ALICE)
  expect(recorder.take(24_000, 0)?.keyedTimes).toEqual([{ beganMs: 1_000, ms: 10, idleMs: 2_490 }])
})

test('a report is bounded whatever clients send, and says what it does not contain', () => {
  const recorder = new Recorder(0)
  for (let index = 0; index < 3_000; index++) {
    const service = 's'.repeat(60)
    request(recorder, [index, index + 1], {
      service,
      key: `${'k'.repeat(55)}${index}`,
      from: `f${index % 200}`,
    })
    request(recorder, [index, index + 1], { service, from: `f${index % 7}` })
    recorder.raw(service, `f${index}`, 'e'.repeat(63))
  }
  const report = traffic.parse(recorder.take(4_000, 1_764_000_000_000))
  expect(JSON.stringify(report).length).toBeLessThan(16 * 1024)
  expect(report.keyed).toHaveLength(MAX_TRAFFIC_ENTRIES)
  expect(report.uncounted).toEqual(['s'.repeat(60)])
  expect(report.calls).toHaveLength(MAX_TRAFFIC_ENTRIES)
  const busy = report.calls.find(({ completeMs }) => completeMs !== undefined)
  expect(busy?.at.length).toBeLessThanOrEqual(MAX_CALL_TIMES)
  // The other keys follow.
  expect(recorder.take(5_000, 0)?.keyed).toHaveLength(MAX_TRAFFIC_ENTRIES)
})
