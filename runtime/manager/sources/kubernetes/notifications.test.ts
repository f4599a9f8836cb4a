import { expect, test } from 'vitest'
import { conditionsOf, notificationsOf } from './notifications.ts'

const regarding = {
  apiVersion: 'branchline.dev/v1alpha1',
  kind: 'Environment',
  namespace: 'alice',
  name: 'alice',
}
const ready = (status: string, reason: string, message = 'why') => ({
  type: 'Ready',
  status,
  reason,
  message,
})

const unreached = (status: string, reason: string) => ({
  ...ready(status, reason),
  type: 'OverrideUnreached',
})

test.each([
  [[], [ready('True', 'Ready')], ['Normal Ready']],
  [[ready('True', 'Ready')], [ready('True', 'Ready', 'other words')], []],
  [[ready('True', 'Ready')], [ready('False', 'KeyTaken')], ['Warning KeyTaken']],
  [[ready('False', 'KeyTaken')], [ready('False', 'BaseCycle')], ['Warning BaseCycle']],
  [[ready('True', 'Ready')], [], []],
  [
    [ready('True', 'Routed')],
    [ready('True', 'OverrideUnreached'), unreached('True', 'KeyLost')],
    ['Warning KeyLost'],
  ],
  [[unreached('True', 'KeyLost')], [unreached('False', 'Reached')], ['Normal Reached']],
])('%j, then %j: %j', (before, after, notifications) => {
  expect(notificationsOf(regarding, before, after).map(({ type, reason }) => `${type} ${reason}`)).toEqual(
    notifications,
  )
})

test('an invalid status has no conditions', () => {
  for (const status of [undefined, null, 'x', {}, { conditions: 1 }, { conditions: [{}] }]) {
    expect(conditionsOf(status)).toEqual([])
  }
})
