import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LocalApi, until } from '../fixture/local-api.ts'
import { environment, service } from '../fixture/objects.ts'
import { LocalSource } from './local.ts'
import type { SourceEvent } from './source.ts'

const api = new LocalApi()
let source: LocalSource
let told: string[]

beforeEach(async () => {
  await api.listen()
  told = []
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
  told.push(
    event.type === 'SYNCED' ? 'SYNCED' : `${event.type} ${event.object.kind} ${event.object.metadata.name}`,
  )
}
const synced = (times: number) => until(() => told.filter((it) => it === 'SYNCED').length >= times, 'SYNCED')

test('it tells what is there, then what changes', async () => {
  api.put(service('base', 'api'))
  source.start(note)
  await synced(1)
  api.put(service('base', 'web'))
  api.remove(service('base', 'api'))
  await until(() => told.length === 4, 'changes')
  expect(told).toEqual(['ADDED Service api', 'SYNCED', 'ADDED Service web', 'DELETED Service api'])
})

test('what vanished while nobody looked is told as deleted, before the second SYNCED', async () => {
  api.put(service('base', 'api'), service('base', 'web'))
  source.start(note)
  await synced(1)
  await api.pause()
  api.remove(service('base', 'api'))
  await api.resume()
  await synced(2)
  expect(told.slice(3)).toEqual(['ADDED Service web', 'DELETED Service api', 'SYNCED'])
})

test.each([
  ['a line without end', 'x'.repeat(3_000)],
  ['a long line', `${'x'.repeat(3_000)}\n`],
])('%s ends the watch, which begins anew', async (_, text) => {
  source.start(note)
  await synced(1)
  api.tellRaw(text)
  await synced(2)
  expect(api.watches).toBeGreaterThan(1)
})

test('an event split at every octet is read; one that is none is left out', async () => {
  source.start(note)
  await synced(1)
  api.tellRaw('{"type":"ADDED","object":{}}\nno json\n{"type":"BOOKMARK"}\n')
  const line = `${JSON.stringify({ type: 'ADDED', object: service('bäse', 'äpi') })}\n`
  for (const octet of Buffer.from(line)) {
    api.tellOctets(Buffer.of(octet))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => told.length === 2, 'the event')
  expect(told).toEqual(['SYNCED', 'ADDED Service äpi'])
})

test('whose token it is: the pod’s, nobody’s, or not to be told', async () => {
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

test('a status of what is gone is no failure', async () => {
  api.statusAnswers = [404]
  const write = { kind: 'Environment' as const, namespace: 'base', name: 'gone', status: {} }
  await expect(source.writeStatus(write)).resolves.toBeUndefined()
})
