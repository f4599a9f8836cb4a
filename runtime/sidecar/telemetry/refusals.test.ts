import { expect, test } from 'vitest'
import { Refusals } from './refusals.ts'

test('a refusal is logged with its reason, and those within a second of it are counted', () => {
  const lines: unknown[] = []
  let nowMs = 0
  const refusals = new Refusals({ warn: (fields: unknown) => void lines.push(fields) }, () => nowMs)
  refusals.add('10.0.0.1', 'too many PING frames')
  refusals.add('10.0.0.1', 'too many PING frames')
  nowMs = 500
  refusals.add('10.0.0.2', 'too many connections')
  nowMs = 1_000
  refusals.add(undefined, 'too many streams')
  expect(lines).toEqual([
    { client: '10.0.0.1', reason: 'too many PING frames', unlogged: 0 },
    { client: undefined, reason: 'too many streams', unlogged: 2 },
  ])
})
