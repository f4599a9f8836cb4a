import { describe, expect, test } from 'vitest'
import { judge, type Recorded } from './judge.ts'
import type { Outage } from './killer.ts'
import type { Ended } from './visitor.ts'

const answered = (status: number, path: string, body = 'x'): Ended['outcome'] => ({
  type: 'answered',
  status,
  path,
  body,
})
const RIGHT = 'front@baseline back@alice'
const request = (outcome: Ended['outcome'], kind: Ended['kind'] = 'post'): Ended => ({
  id: 'a',
  kind,
  environment: 'alice',
  startMs: 1_000,
  endMs: 1_100,
  outcome,
})
const run = (environment = 'alice'): Recorded => ({ event: 'run', service: 'back', environment, id: 'a' })
const outage = (what: string, fromMs: number, toMs: number): Outage => ({
  what,
  signal: 'SIGKILL',
  container: 'c',
  fromMs,
  toMs,
})
const faults = (ended: Ended, runs: readonly Recorded[] = [], outages: readonly Outage[] = []): string[] => {
  const { wrong, hung, twice, unexcused, unexplained } = judge([ended], runs, outages)
  return Object.entries({ wrong, hung, twice, unexcused, unexplained }).flatMap(([name, list]) =>
    list.length > 0 ? [name] : [],
  )
}

describe('the judge of the campaign', () => {
  test('finds nothing if everything is right', () => {
    expect(faults(request(answered(200, RIGHT)), [run()])).toEqual([])
    expect(faults(request(answered(413, RIGHT), 'refuse'), [run()])).toEqual([])
    expect(faults(request({ type: 'left' }, 'leave'))).toEqual([])
  })

  test('finds a wrong version, by the response and by the record of the app', () => {
    expect(faults(request(answered(200, 'front@baseline back@baseline')), [run()])).toEqual(['wrong'])
    expect(faults(request({ type: 'left' }, 'deadline'), [run('baseline')])).toEqual(['wrong'])
    expect(faults(request(answered(200, RIGHT)), [])).toEqual(['wrong'])
  })

  test('finds requests that hang, and unsafe requests that run twice', () => {
    expect(faults(request({ type: 'hung', state: 'x' }))).toEqual(['hung'])
    expect(faults(request(answered(200, RIGHT)), [run(), run()])).toEqual(['twice'])
    expect(faults(request(answered(200, RIGHT), 'get'), [run(), run()])).toEqual([])
  })

  test('excuses a failure only while a process on its path is down', () => {
    const failed = request(answered(502, '', '{"detail":"back is down"}'))
    expect(faults(failed)).toEqual(['unexcused'])
    expect(faults(failed, [], [outage('back@alice', 900, 1_050)])).toEqual([])
    expect(faults(failed, [], [outage('relay', 1_050, 9_000)])).toEqual([])
    expect(faults(failed, [], [outage('front@bob', 900, 1_050)])).toEqual(['unexcused'])
    expect(faults(failed, [], [outage('back@alice', 100, 900)])).toEqual(['unexcused'])
    expect(faults(failed, [], [outage('manager', 900, 5_000)])).toEqual([])
    expect(faults(failed, [], [outage('manager', 100, 5_000)])).toEqual(['unexcused'])
  })

  test('requires a sentence for each failure, and counts it', () => {
    const down = [outage('relay', 0, 9_000)]
    expect(faults(request(answered(502, '', '')), [], down)).toEqual(['unexplained'])
    const { sentences } = judge([request(answered(502, '', '{"detail":"127.0.0.1:8080 is down"}'))], [], down)
    expect([...sentences]).toEqual([['502 N is down', 1]])
  })
})
