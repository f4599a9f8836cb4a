import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LocalApi } from '../fixture/local-api.ts'
import { environment, service } from '../fixture/objects.ts'
import { LocalSource } from './local.ts'
import type { SourceEvent } from './source.ts'
import { until } from '../../testing/until.ts'

const api = new LocalApi()
let source: LocalSource
let reported: string[]

beforeEach(async () => {
  await api.listen()
  reported = []
  const backoff = { firstMs: 2, maxMs: 10 }
  const options = {
    socketPath: api.socketPath,
    logger: pino({ level: 'silent' }),
    backoff,
    maxLineBytes: 2_000,
  }
  source = new LocalSource({ ...options, callTimeoutMs: 500 })
})

afterEach(async () => {
  await source.stop()
  api.remove(service('base', 'api'), service('base', 'web'), environment('base'))
  await api.close()
})

const note = (event: SourceEvent): void => {
  reported.push(
    event.type === 'SYNCED' ? 'SYNCED' : `${event.type} ${event.object.kind} ${event.object.metadata.name}`,
  )
}
const synced = (times: number) =>
  until(() => reported.filter((it) => it === 'SYNCED').length >= times, 'SYNCED')

test('it reports the existing objects, then the changes', async () => {
  api.put(service('base', 'api'))
  source.start(note)
  await synced(1)
  api.put(service('base', 'web'))
  api.remove(service('base', 'api'))
  await until(() => reported.length === 4, 'changes')
  expect(reported).toEqual(['ADDED Service api', 'SYNCED', 'ADDED Service web', 'DELETED Service api'])
})

test('objects that vanished while disconnected are reported as deleted, before the second SYNCED', async () => {
  api.put(service('base', 'api'), service('base', 'web'))
  source.start(note)
  await synced(1)
  await api.pause()
  api.remove(service('base', 'api'))
  await api.resume()
  await synced(2)
  expect(reported.slice(3)).toEqual(['ADDED Service web', 'DELETED Service api', 'SYNCED'])
})

test.each([
  ['a line without end', 'x'.repeat(3_000)],
  ['a long line', `${'x'.repeat(3_000)}\n`],
])('%s ends the watch, which starts again', async (_, text) => {
  source.start(note)
  await synced(1)
  api.tellRaw(text)
  await synced(2)
  expect(api.watches).toBeGreaterThan(1)
})

test('an event that is split at every byte is read, and an invalid one is ignored', async () => {
  source.start(note)
  await synced(1)
  api.tellRaw('{"type":"ADDED","object":{}}\nno json\n{"type":"BOOKMARK"}\n')
  const line = `${JSON.stringify({ type: 'ADDED', object: service('bäse', 'äpi') })}\n`
  for (const byte of Buffer.from(line)) {
    api.writeBytes(Buffer.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => reported.length === 2, 'the event')
  expect(reported).toEqual(['SYNCED', 'ADDED Service äpi'])
})

test('a token belongs to a pod or to none, or cannot be reviewed', async () => {
  api.tokens.set('good', { namespace: 'base', pod: 'api-0' })
  expect(await source.reviewToken('good')).toEqual({ namespace: 'base', pod: 'api-0' })
  expect(await source.reviewToken('bad')).toBeUndefined()
  await api.pause()
  await expect(source.reviewToken('good')).rejects.toThrow(/ENOENT|ECONNREFUSED/)
  await api.resume()
})

test.each([
  [500, true],
  [503, true],
  [400, false],
])('a status write answered with %i says whether to try again: %s', async (status, retryable) => {
  api.statusAnswers = [status]
  const write = { kind: 'Environment' as const, namespace: 'base', name: 'base', status: {} }
  await expect(source.writeStatus(write)).rejects.toMatchObject({ code: 'BL_KUBERNETES', retryable })
})

test('a status write for an object that is gone is not a failure', async () => {
  api.statusAnswers = [404]
  const write = { kind: 'Environment' as const, namespace: 'base', name: 'gone', status: {} }
  await expect(source.writeStatus(write)).resolves.toBeUndefined()
})
