import { expect, test } from 'vitest'
import { RareLog } from './rare-log.ts'

test('a warning is logged with its fields, and those within the interval after it are counted', () => {
  const lines: unknown[] = []
  let nowMs = 0
  const warn = (fields: unknown, message?: string): void => void lines.push([message, fields])
  const log = new RareLog({ warn }, 'a client was refused', 1_000, () => nowMs)
  log.add({ client: '10.0.0.1' })
  log.add({ client: '10.0.0.1' })
  nowMs = 500
  log.add({ client: '10.0.0.2' })
  nowMs = 1_000
  log.add({ client: '10.0.0.3' })
  expect(lines).toEqual([
    ['a client was refused', { client: '10.0.0.1', unlogged: 0 }],
    ['a client was refused', { client: '10.0.0.3', unlogged: 2 }],
  ])
})
