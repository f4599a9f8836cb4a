import type { Hop } from '@branchline/wire/explain'
import { expect, test } from 'vitest'
import { Hops, MAX_HOPS, MAX_TRACES } from './hops.ts'

const hop = (startMs: number): Hop => ({
  service: 'api',
  at: 'baseline',
  environment: 'alice',
  reason: 'override',
  endpoints: ['10.0.0.1:25001'],
  status: 200,
  startMs,
  ms: 1,
})

test('hops of a trace are returned in the order in which the requests arrived', () => {
  const hops = new Hops()
  hops.add('pod', 'a', hop(2))
  hops.add('pod', 'b', hop(3))
  hops.add('pod', 'a', hop(1))
  expect(hops.of('a').map(({ hop }) => hop.startMs)).toEqual([1, 2])
  expect(hops.of('c')).toEqual([])
})

test('only the newest traces, and the newest hops of each, are kept within the limits', () => {
  const hops = new Hops()
  for (let trace = 0; trace <= MAX_TRACES; trace++) hops.add('pod', String(trace), hop(trace))
  expect(hops.of('0')).toEqual([])
  expect(hops.of('1')).toHaveLength(1)
  for (let count = 0; count < 2 * MAX_HOPS; count++) hops.add('pod', '1', hop(count))
  expect(hops.of('1')).toHaveLength(MAX_HOPS)
})

test('one pod cannot evict the traces of others, or their hops of a trace', () => {
  const hops = new Hops()
  hops.add('alice', 'hers', hop(1))
  for (let count = 0; count < 4 * MAX_TRACES; count++) hops.add('bob', `his ${count}`, hop(count))
  for (let count = 0; count < 4 * MAX_HOPS; count++) hops.add('bob', 'hers', hop(count + 2))
  expect(hops.of('hers')).toHaveLength(MAX_HOPS)
  expect(hops.of('hers')[0]).toEqual({ pod: 'alice', hop: hop(1) })
  hops.add('carol', 'new', hop(1))
  expect(hops.of('new')).toHaveLength(1)
  expect(hops.of('hers')[0]).toEqual({ pod: 'alice', hop: hop(1) })
})
