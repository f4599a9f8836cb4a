import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import { KubernetesError } from '../../kubernetes/errors.ts'
import type { StatusWrite } from '../sources/source.ts'
import { StatusWriter } from './writer.ts'
import { until } from '../../testing/until.ts'

const logger = pino({ level: 'silent' })
let writer: StatusWriter
const written: string[] = []

afterEach(async () => {
  await writer.stop()
  written.length = 0
})

function start(
  write: (write: StatusWrite) => Promise<void> = () => Promise.resolve(),
  countsEveryMs = 1,
): void {
  writer = new StatusWriter({
    write: async (it) => {
      await write(it)
      written.push(`${it.name} ${JSON.stringify(it.status)}`)
    },
    logger,
    gatherMs: 1,
    countsEveryMs,
    backoff: { firstMs: 1, maxMs: 5 },
  })
}

const request = (name: string, status: Record<string, unknown> | undefined): void =>
  writer.request('Environment', name, name, () => status)

test('only changed statuses are written, and only the newest of each', async () => {
  start()
  request('alice', { key: 'old' })
  request('alice', { key: 'alice' })
  request('bob', { key: 'bob' })
  await until(() => written.length === 2, 'both')
  request('alice', { key: 'alice' })
  request('gone', undefined)
  request('bob', { key: 'bobby' })
  await until(() => written.length === 3, 'the status that differs')
  expect(written).toEqual(['alice {"key":"alice"}', 'bob {"key":"bob"}', 'bob {"key":"bobby"}'])
})

test('a status whose counts alone differ is written after all others', async () => {
  start()
  for (const name of ['a', 'b', 'c']) request(name, { key: name, routes: '0/1 at epoch 1' })
  await until(() => written.length === 3, 'the first ones')
  for (const name of ['a', 'b']) request(name, { key: name, routes: '1/1 at epoch 2' })
  request('c', { key: 'other', routes: '1/1 at epoch 2' })
  await until(() => written.length === 6, 'the second ones')
  expect(written.slice(3).map((it) => it[0])).toEqual(['c', 'a', 'b'])
  expect(written.at(-1)).toBe('b {"key":"b","routes":"1/1 at epoch 2"}')
})

test('a stop ends the wait between writes of counts', async () => {
  start(undefined, 60_000)
  for (const name of ['a', 'b']) request(name, { key: name, routes: 'x' })
  await until(() => written.length === 2, 'the first ones')
  for (const name of ['a', 'b']) request(name, { key: name, routes: 'y' })
  await until(() => written.length === 3, 'the next')
  await writer.stop()
  expect(written).toHaveLength(3)
})

test('a refused write is tried again with the newest status, unless it cannot succeed', async () => {
  const answers = [true, false]
  start(() => {
    const retryable = answers.shift()
    return retryable === undefined
      ? Promise.resolve()
      : Promise.reject(new KubernetesError('no', { retryable }))
  })
  let count = 0
  writer.request('Environment', 'a', 'a', () => ({ count: ++count }))
  await until(() => answers.length === 0, 'the second refusal')
  request('b', { key: 'b' })
  await until(() => written.length === 1, 'another one')
  expect([count, written]).toEqual([2, ['b {"key":"b"}']])
})
