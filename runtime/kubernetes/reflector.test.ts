import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createApi } from './api.ts'
import {
  end,
  halfLine,
  list,
  refuse,
  reset,
  ScriptedApi,
  watch as openWatch,
} from './fixture/scripted-api.ts'
import type { Resource } from './resource.ts'
import { DEFAULT_KUBERNETES_LIMITS, type KubernetesLimits } from './limits.ts'
import { Reflector } from './reflector.ts'

// Each test shows one way in which an API server, or a proxy in front of it, misbehaves.

const RESOURCE: Resource = {
  kind: 'Service',
  apiVersion: 'v1',
  path: '/api/v1/services',
  kept: { metadata: { name: true, namespace: true }, spec: { ports: true } },
}
const LIST = `LIST ${RESOURCE.path}`
const WATCH = `WATCH ${RESOURCE.path}`
const LIMITS: KubernetesLimits = {
  ...DEFAULT_KUBERNETES_LIMITS,
  retryFirstMs: 2,
  retryMaxMs: 20,
  watchIdleTimeoutMs: 5_000,
}
const service = (name: string, resourceVersion: number) => ({
  metadata: { name, namespace: 'a', resourceVersion: String(resourceVersion), managedFields: [{}] },
  spec: { ports: [{ port: 80 }], sessionAffinity: 'None' },
})
const event = (type: string, name: string, version: number) => ({ type, object: service(name, version) })
const bookmark = (version: number) => ({
  type: 'BOOKMARK',
  object: { kind: 'Service', metadata: { resourceVersion: String(version) } },
})
const expired = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }

let server: ScriptedApi
let stopping: AbortController
let told: string[]
let running: Promise<void> | undefined
const DEADLINE = { timeout: 5_000, interval: 5 }

beforeEach(async () => {
  server = await new ScriptedApi().listen()
  stopping = new AbortController()
  told = []
})
afterEach(async () => {
  stopping.abort()
  await running
  await server.close()
})

function start(limits: Partial<KubernetesLimits> = {}, logger = pino({ level: 'silent' })): void {
  const all = { ...LIMITS, ...limits }
  const reflector = new Reflector({
    api: createApi(server.access(), all),
    resource: RESOURCE,
    limits: all,
    logger,
    onEvent: ({ type, object }) => told.push(`${type} ${object.metadata.name}`),
    onListed: () => told.push('listed'),
  })
  running = reflector.run(stopping.signal)
}

test('lists, then watches from there, with bookmarks', async () => {
  server.script(LIST, list('10', [service('web', 5)]))
  server.script(
    WATCH,
    openWatch([event('ADDED', 'api', 11), event('MODIFIED', 'web', 12), event('DELETED', 'api', 13)]),
  )
  start()
  await expect
    .poll(() => told, DEADLINE)
    .toEqual(['ADDED web', 'listed', 'ADDED api', 'MODIFIED web', 'DELETED api'])
  const [opened] = server.seen(WATCH)
  expect(opened?.query.get('resourceVersion')).toBe('10')
  expect(opened?.query.get('allowWatchBookmarks')).toBe('true')
  expect(Number(opened?.query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300)
  expect(opened?.headers.authorization).toBe('Bearer secret')
})

test('a list is read page by page', async () => {
  server.script(LIST, list('10', [service('a', 1)], 'next'), list('10', [service('b', 2)]))
  server.script(WATCH, openWatch([]))
  start()
  await expect.poll(() => told, DEADLINE).toEqual(['ADDED a', 'ADDED b', 'listed'])
  expect(server.seen(LIST).map(({ query }) => query.get('continue'))).toEqual([null, 'next'])
})

test('a page that has expired: everything is read again without pages, and nothing is reported twice', async () => {
  server.script(LIST, list('10', [service('a', 1)], 'next'), refuse(410, { reason: 'Expired' }))
  server.script(`GET ${RESOURCE.path}`, list('20', [service('a', 1), service('b', 15)]))
  server.script(WATCH, openWatch([]))
  start()
  await expect.poll(() => told, DEADLINE).toEqual(['ADDED a', 'ADDED b', 'listed'])
})

test.each([
  ['a normal end', end],
  ['a reset', reset],
  ['a half line, then an end', halfLine(end)],
  ['a half line, then a reset', halfLine(reset)],
])('%s: the watch continues where it stopped', async (_, ending) => {
  server.script(LIST, list('10', []))
  server.script(WATCH, openWatch([event('ADDED', 'web', 11), bookmark(17)], ending))
  server.script(WATCH, openWatch([event('MODIFIED', 'web', 18)]))
  start()
  await expect.poll(() => told, DEADLINE).toEqual(['listed', 'ADDED web', 'MODIFIED web'])
  expect(server.seen(WATCH).map(({ query }) => query.get('resourceVersion'))).toEqual(['10', '17'])
  expect(server.seen(LIST)).toHaveLength(1)
})

test.each([
  ['an ERROR event of 410', openWatch([event('ADDED', 'api', 11), expired])],
  ['HTTP 410', refuse(410, { reason: 'Gone' })],
])('%s: everything is listed again, and what vanished meanwhile is reported', async (name, gone) => {
  server.script(
    LIST,
    list('10', [service('web', 5), service('old', 6)]),
    list('30', [service('web', 25), service('new', 26)]),
  )
  server.script(WATCH, gone, openWatch([event('MODIFIED', 'new', 31)]))
  start()
  const first = ['ADDED web', 'ADDED old', 'listed']
  const inStream = name.startsWith('an ERROR')
  const meanwhile = inStream ? ['ADDED api'] : []
  const vanished = inStream ? ['DELETED old', 'DELETED api'] : ['DELETED old']
  await expect
    .poll(() => told, DEADLINE)
    .toEqual([...first, ...meanwhile, 'MODIFIED web', 'ADDED new', ...vanished, 'listed', 'MODIFIED new'])
  expect(server.seen(WATCH).at(-1)?.query.get('resourceVersion')).toBe('30')
})

test('a version that is already too old when it is listed causes no tight loop', async () => {
  server.always(LIST, list('10', []))
  server.always(WATCH, openWatch([expired]))
  start({ retryFirstMs: 20, retryMaxMs: 40 })
  const startMs = performance.now()
  await vi.waitUntil(() => server.seen(LIST).length >= 6, DEADLINE)
  expect(performance.now() - startMs).toBeGreaterThan(5 * 10)
})

test('a silent watch is opened again', async () => {
  server.script(LIST, list('10', []))
  server.script(WATCH, openWatch([]), openWatch([event('ADDED', 'web', 11)]))
  start({ watchIdleTimeoutMs: 30 })
  await expect.poll(() => told, DEADLINE).toEqual(['listed', 'ADDED web'])
})

test('a request whose response head never arrives is given up', async () => {
  server.script(LIST, () => undefined, list('10', [service('web', 5)]))
  server.script(WATCH, () => undefined, openWatch([event('ADDED', 'api', 11)]))
  start({ listTimeoutMs: 30, requestTimeoutMs: 30 })
  await expect.poll(() => told, DEADLINE).toEqual(['ADDED web', 'listed', 'ADDED api'])
})

test.each([500, 502, 503, 429, 401, 403])(
  'HTTP %d for lists and watches: they are tried again, and nothing is lost',
  async (code) => {
    server.script(LIST, refuse(code), refuse(code), list('10', [service('web', 5)]))
    server.script(WATCH, refuse(code), refuse(code), openWatch([event('ADDED', 'api', 11)]))
    start()
    await expect.poll(() => told, DEADLINE).toEqual(['ADDED web', 'listed', 'ADDED api'])
    expect(server.seen(LIST)).toHaveLength(3)
  },
)

test('a stream that breaks repeatedly at one place is replaced by a new list', async () => {
  server.script(LIST, list('10', []), list('20', [service('web', 15)]))
  server.always(
    WATCH,
    openWatch([], (response) => void response.write('no json\n')),
  )
  start({ watchFaultsBeforeList: 3 })
  await expect.poll(() => told, DEADLINE).toEqual(['listed', 'ADDED web', 'listed'])
  expect(server.seen(WATCH).length).toBeGreaterThanOrEqual(3)
})

test('an endless line does not fill the memory', async () => {
  server.script(LIST, list('10', []))
  server.script(
    WATCH,
    openWatch([], (response) => void response.write('x'.repeat(5_000))),
    openWatch([event('ADDED', 'web', 11)]),
  )
  start({ maxLineBytes: 4_096 })
  await expect.poll(() => told, DEADLINE).toEqual(['listed', 'ADDED web'])
})

test('kinds that are not installed (404) are logged once, and listed once they are installed', async () => {
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: (line) => void lines.push(line) })
  server.script(LIST, ...Array.from({ length: 5 }, () => refuse(404)), list('10', [service('web', 5)]))
  server.script(WATCH, openWatch([]))
  start({}, logger)
  await expect.poll(() => told, DEADLINE).toEqual(['ADDED web', 'listed'])
  expect(lines.filter((line) => line.includes('CustomResourceDefinitions'))).toHaveLength(1)
  expect(lines.join('')).not.toContain('secret')
})

test('a later 404, which a starting API server may send, does not delete objects', async () => {
  server.script(LIST, list('10', [service('web', 5)]), refuse(404), list('20', [service('web', 5)]))
  server.script(WATCH, openWatch([expired]), openWatch([event('MODIFIED', 'web', 21)]))
  start()
  await expect.poll(() => told, DEADLINE).toEqual(['ADDED web', 'listed', 'listed', 'MODIFIED web'])
})

test('a server that ends every watch at once causes no tight loop', async () => {
  server.script(LIST, list('10', []))
  server.always(WATCH, openWatch([], end))
  start({ retryFirstMs: 20, retryMaxMs: 40 })
  const startMs = performance.now()
  await vi.waitUntil(() => server.seen(WATCH).length >= 6, DEADLINE)
  expect(performance.now() - startMs).toBeGreaterThan(5 * 10)
})

test('after a stop, nothing is reported and no connection stays', async () => {
  server.script(LIST, list('10', [service('web', 5)]))
  server.script(WATCH, openWatch([]))
  start()
  await expect.poll(() => told, DEADLINE).toEqual(['ADDED web', 'listed'])
  await vi.waitUntil(() => server.seen(WATCH).length === 1, DEADLINE)
  stopping.abort()
  await running
  await vi.waitUntil(async () => (await server.connections()) <= 1, DEADLINE)
  expect(told).toEqual(['ADDED web', 'listed'])
})

test('a reflector that is stopped during a list opens no watch', async () => {
  server.script(LIST, () => stopping.abort())
  start()
  await running
  expect(server.seen(WATCH)).toEqual([])
  expect(told).toEqual([])
})
