import { expect, test } from 'vitest'
import { Usages } from './usage.ts'

test('a circuit is reported once after its use, and each time while a connection is open', () => {
  const usages = new Usages()
  const [a, b] = [usages.of('a'), usages.of('b')]
  a.begin()
  a.end()
  b.begin()
  const first = usages.take(10, 5)
  expect(first.reports).toMatchObject([
    { id: 'a', requests: 1, open: 0 },
    { id: 'b', requests: 1, open: 1, lastAccessMs: 5 },
  ])
  // An open connection is use, however long nothing moves on it.
  expect(usages.take(10, 9).reports).toEqual([{ id: 'b', requests: 0, open: 1, lastAccessMs: 9 }])
  b.end()
  expect(usages.take(10).reports).toMatchObject([{ id: 'b', requests: 0, open: 0 }])
  expect(usages.take(10).reports).toEqual([])
})

test('a report that did not arrive is sent again', () => {
  const usages = new Usages()
  const usage = usages.of('a')
  usage.begin()
  usage.end()
  usages.take(10).giveBack()
  usage.begin()
  expect(usages.take(10).reports).toMatchObject([{ id: 'a', requests: 2, open: 1 }])
})

test('a batch is bounded, and the next one begins with others', () => {
  const usages = new Usages()
  for (const id of ['a', 'b', 'c']) usages.of(id).begin()
  const ids = (): string[] => usages.take(2).reports.map(({ id }) => id)
  expect([ids(), ids(), ids()]).toEqual([
    ['a', 'b'],
    ['c', 'a'],
    ['b', 'c'],
  ])
})
