import { expect, test } from 'vitest'
import { STARTING_MS, StartingPods } from './starting.ts'

const pod = (name: string, ready: boolean, restarts = 0) => {
  return { namespace: 'shop', name, ip: '127.1.1.1', ready, containers: [{ name: 'app', restarts }] }
}
const names = (pods: readonly { name: string }[]): string[] => pods.map(({ name }) => name)

test('a pod starts until it is ready, fails, or has taken too long', () => {
  const starting = new StartingPods()
  const at = (now: number, ...pods: ReturnType<typeof pod>[]): string[] =>
    names(starting.update({ pods }, now))
  expect(at(0, pod('db', false), pod('web', false), pod('bad', false))).toEqual(['db', 'web', 'bad'])
  expect(at(100, pod('db', true), pod('web', false), pod('bad', false, 1))).toEqual(['web'])
  // A pod that was ready has started, even if it is not ready any longer or ends.
  expect(at(200, pod('db', false), pod('web', false))).toEqual(['web'])
  expect(at(STARTING_MS, pod('db', false), pod('web', false))).toEqual([])
  expect(at(STARTING_MS + 1)).toEqual([])
  expect(at(STARTING_MS + 2, pod('db', false))).toEqual(['db'])
})

test('a pod that ends by itself is not awaited', () => {
  expect(new StartingPods().update({ pods: [{ ...pod('job', false), ends: true }] }, 0)).toEqual([])
})
