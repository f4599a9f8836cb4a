import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Api, createApi } from './api.ts'
import { DEFAULT_EVENT_LIMITS, EventRecorder, microTime, type Notification } from './events.ts'
import { respond, refuse, ScriptedApi } from './fixture/scripted-api.ts'
import { DEFAULT_KUBERNETES_LIMITS } from './limits.ts'

const POST = 'POST /apis/events.k8s.io/v1/namespaces/alice/events'
const DEADLINE = { timeout: 5_000, interval: 5 }
const regarding = {
  apiVersion: 'branchline.dev/v1alpha1',
  kind: 'Environment',
  namespace: 'alice',
  name: 'alice',
}
const notification = (reason: string, note = 'a sentence'): Notification => ({
  regarding,
  type: 'Normal',
  reason,
  note,
})
let server: ScriptedApi
let api: Api
beforeEach(async () => {
  server = await new ScriptedApi().listen()
  api = createApi(server.access(), DEFAULT_KUBERNETES_LIMITS)
})
afterEach(async () => {
  api.close()
  await server.close()
})
const recorder = (limits = {}, logger = pino({ level: 'silent' })): EventRecorder =>
  new EventRecorder({
    api,
    reporter: { controller: 'example.com/controller', instance: 'm' },
    logger,
    limits: { ...DEFAULT_EVENT_LIMITS, ...limits },
  })
const reasons = () => server.seen(POST).map(({ body }) => (body as Notification).reason)

test('the time has six fractional digits, as MicroTime requires', () => {
  expect(microTime(new Date(0))).toBe('1970-01-01T00:00:00.000000Z')
})

test('a repeated notification is not written again, and a refused one does not stop the next', async () => {
  server.script(POST, refuse(403), respond({}, 201))
  const it = recorder()
  for (const reason of ['A', 'A', 'B', 'A', 'B']) it.record(notification(reason))
  await expect.poll(reasons, DEADLINE).toEqual(['A', 'B'])
})

test('a burst of notifications is limited', async () => {
  server.always(POST, respond({}, 201))
  const it = recorder({ burst: 3, perMinute: 0 })
  for (let index = 0; index < 100; index++) it.record(notification(`R${index}`))
  await expect.poll(reasons, DEADLINE).toEqual(['R0', 'R1', 'R2'])
})

test('a note is cut to the length that the API accepts', async () => {
  server.always(POST, respond({}, 201))
  recorder().record(notification('A', 'x'.repeat(5_000)))
  const lengths = () => server.seen(POST).map(({ body }) => (body as Notification).note.length)
  await expect.poll(lengths, DEADLINE).toEqual([1_024])
})

test('a namespace that is being deleted refuses Events, which is not logged as a fault', async () => {
  const lines: string[] = []
  const logger = pino({ level: 'warn' }, { write: (line) => void lines.push(line) })
  const details = { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] }
  server.script(POST, refuse(403, { reason: 'Forbidden', details }), refuse(403), respond({}, 201))
  const it = recorder({}, logger)
  for (const reason of ['A', 'B', 'C']) it.record(notification(reason))
  await expect.poll(reasons, DEADLINE).toEqual(['A', 'B', 'C'])
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('"reason":"B"')
})
