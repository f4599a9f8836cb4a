import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Api, createApi } from './api.ts'
import { DEFAULT_EVENT_LIMITS, EventRecorder, microTime, type Notice } from './events.ts'
import { answer, refuse, ScriptedApi } from './fixture/scripted-api.ts'
import { DEFAULT_KUBERNETES_LIMITS } from './limits.ts'

const POST = 'POST /apis/events.k8s.io/v1/namespaces/alice/events'
const DEADLINE = { timeout: 5_000, interval: 5 }
const regarding = {
  apiVersion: 'branchline.dev/v1alpha1',
  kind: 'Environment',
  namespace: 'alice',
  name: 'alice',
}
const notice = (reason: string, note = 'a sentence'): Notice => ({ regarding, type: 'Normal', reason, note })
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
const reasons = () => server.seen(POST).map(({ body }) => (body as Notice).reason)

test('the time has six digits, as MicroTime wants', () => {
  expect(microTime(new Date(0))).toBe('1970-01-01T00:00:00.000000Z')
})

test('what is repeated is not told again, what is refused is in nobody’s way', async () => {
  server.script(POST, refuse(403), answer({}, 201))
  const it = recorder()
  for (const reason of ['A', 'A', 'B', 'A', 'B']) it.record(notice(reason))
  await expect.poll(reasons, DEADLINE).toEqual(['A', 'B'])
})

test('a storm is cut', async () => {
  server.always(POST, answer({}, 201))
  const it = recorder({ burst: 3, perMinute: 0 })
  for (let index = 0; index < 100; index++) it.record(notice(`R${index}`))
  await expect.poll(reasons, DEADLINE).toEqual(['R0', 'R1', 'R2'])
})

test('a note is as long as the API takes it', async () => {
  server.always(POST, answer({}, 201))
  recorder().record(notice('A', 'x'.repeat(5_000)))
  const lengths = () => server.seen(POST).map(({ body }) => (body as Notice).note.length)
  await expect.poll(lengths, DEADLINE).toEqual([1_024])
})

test('a namespace that is being deleted takes none, which is nobody’s fault', async () => {
  const lines: string[] = []
  const logger = pino({ level: 'warn' }, { write: (line) => void lines.push(line) })
  const details = { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] }
  server.script(POST, refuse(403, { reason: 'Forbidden', details }), refuse(403), answer({}, 201))
  const it = recorder({}, logger)
  for (const reason of ['A', 'B', 'C']) it.record(notice(reason))
  await expect.poll(reasons, DEADLINE).toEqual(['A', 'B', 'C'])
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('"reason":"B"')
})
