import { MANAGER_CLUSTER_RULES, MANAGER_LEASE, MANAGER_NAMESPACE_RULES } from '@branchline/wire/permissions'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLease } from '../../../kubernetes/lease/lease.ts'
import { createLeaseStore } from '../../../kubernetes/lease/store.ts'
import type { SourceEvent } from '../source.ts'
import { isPermitted } from '../../../kubernetes/fixture/permitted.ts'
import { respond, list, refuse, ScriptedApi, watch } from '../../../kubernetes/fixture/scripted-api.ts'
import { RESOURCES } from './kinds.ts'
import { createKubernetesSource, type KubernetesSource } from './source.ts'

const DEADLINE = { timeout: 5_000, interval: 5 }
const ENVIRONMENTS = '/apis/branchline.dev/v1alpha1/environments'
const STATUS = '/apis/branchline.dev/v1alpha1/namespaces/alice/environments/alice/status'
const EVENTS = '/apis/events.k8s.io/v1/namespaces/alice/events'
const logger = pino({ level: 'silent' })
const alice = (resourceVersion: string, status?: unknown) => ({
  metadata: { name: 'alice', namespace: 'alice', uid: 'u1', resourceVersion },
  spec: { type: 'branch', base: 'baseline' },
  ...(status === undefined ? {} : { status }),
})
const ready = (status: 'True' | 'False', reason: string, message = '') => ({
  conditions: [{ type: 'Ready', status, reason, message, lastTransitionTime: '2026-11-21T12:00:00Z' }],
})
const write = (status: Record<string, unknown>) =>
  ({ kind: 'Environment', namespace: 'alice', name: 'alice', status }) as const

let server: ScriptedApi
let source: KubernetesSource
let events: SourceEvent[]

beforeEach(async () => {
  server = await new ScriptedApi().listen()
  for (const { path } of RESOURCES)
    server.always(`LIST ${path}`, list('1', [])).always(`WATCH ${path}`, watch([]))
  server.always(`PATCH ${STATUS}`, respond({})).always(`POST ${EVENTS}`, respond({}, 201))
  events = []
  const limits = { retryFirstMs: 2, retryMaxMs: 20 }
  source = createKubernetesSource({ access: server.access(), logger, instance: 'manager-0', limits })
})
afterEach(async () => {
  await source.stop()
  await server.close()
})
const start = (): void => source.start((event) => void events.push(event))
const synced = (): number => events.filter(({ type }) => type === 'SYNCED').length

test('SYNCED comes once all kinds are listed, and again after a new list', async () => {
  const [first] = RESOURCES.slice(-1)
  const path = first?.path ?? ''
  server.script(`LIST ${path}`, refuse(503), refuse(503), list('1', []))
  server.script(
    `WATCH ${path}`,
    watch([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]),
    watch([]),
  )
  start()
  await expect.poll(synced, DEADLINE).toBe(2)
  expect(RESOURCES.every(({ path }) => server.seen(`LIST ${path}`).length > 0)).toBe(true)
})

test('objects are reported with their kind, and without the fields that are not needed', async () => {
  const { metadata, spec } = alice('5')
  const bulk = {
    managedFields: [{}],
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', a: 'b' },
  }
  server.script(`LIST ${ENVIRONMENTS}`, list('9', [{ metadata: { ...metadata, ...bulk }, spec }]))
  start()
  await expect.poll(synced, DEADLINE).toBe(1)
  const object = {
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Environment',
    metadata: { ...metadata, annotations: { a: 'b' } },
    spec,
  }
  expect(events).toContainEqual({ type: 'ADDED', object })
})

test('a status is applied by one field manager, with force', async () => {
  await source.writeStatus(write({ key: 'alice' }))
  const [request] = server.seen(`PATCH ${STATUS}`)
  expect(request?.headers['content-type']).toBe('application/apply-patch+yaml')
  expect(Object.fromEntries(request?.query ?? [])).toEqual({
    fieldManager: 'branchline-manager',
    force: 'true',
  })
  expect(request?.body).toEqual({
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name: 'alice', namespace: 'alice' },
    status: { key: 'alice' },
  })
})

test.each([
  [404, false],
  [422, false],
  [409, true],
  [403, true],
  [429, true],
  [500, true],
])('a status that is refused with %d is retryable: %s', async (code, retryable) => {
  server.script(`PATCH ${STATUS}`, refuse(code, { message: 'no' }))
  await expect(source.writeStatus(write({}))).rejects.toMatchObject({ code: 'BL_KUBERNETES', retryable })
})

test('an unreachable API server is retryable', async () => {
  await server.close()
  await expect(source.writeStatus(write({}))).rejects.toMatchObject({
    code: 'BL_KUBERNETES',
    retryable: true,
  })
  await expect(source.reviewToken('x')).rejects.toMatchObject({ code: 'BL_KUBERNETES', retryable: true })
})

test('a changed condition is written as an Event, once', async () => {
  server.script(`LIST ${ENVIRONMENTS}`, list('9', [alice('5', ready('True', 'Ready'))]))
  start()
  await expect.poll(synced, DEADLINE).toBe(1)
  await source.writeStatus(write(ready('True', 'Ready', 'the same')))
  await source.writeStatus(
    write(ready('False', 'BaseNotFound', 'spec.base "baseline" is not an environment')),
  )
  await expect
    .poll(() => server.seen(`POST ${EVENTS}`).map(({ body }) => body), DEADLINE)
    .toEqual([
      expect.objectContaining({
        type: 'Warning',
        reason: 'BaseNotFound',
        note: 'spec.base "baseline" is not an environment',
        regarding: {
          apiVersion: 'branchline.dev/v1alpha1',
          kind: 'Environment',
          namespace: 'alice',
          name: 'alice',
          uid: 'u1',
        },
      }),
    ])
})

test('an environment is deleted with preconditions, and one that is already gone counts as deleted', async () => {
  const call = 'DELETE /apis/branchline.dev/v1alpha1/namespaces/alice/environments/alice'
  server.script(call, respond({}), refuse(404), refuse(409))
  const { metadata } = alice('5')
  await source.remove?.(metadata)
  await source.remove?.({ ...metadata, uid: undefined })
  await expect(source.remove?.(metadata)).rejects.toMatchObject({ retryable: true })
  expect(server.seen(call).map(({ body }) => body)).toMatchObject([
    { preconditions: { uid: 'u1', resourceVersion: '5' }, propagationPolicy: 'Background' },
    { preconditions: { resourceVersion: '5' } },
    {},
  ])
  // Its conditions are deleted with it. Only the Event remains, for the one that was deleted here.
  const regarding = expect.objectContaining({ kind: 'Environment', name: 'alice', uid: 'u1' }) as object
  const written = () => server.seen(`POST ${EVENTS}`).map(({ body }) => body)
  await expect
    .poll(written, DEADLINE)
    .toEqual([expect.objectContaining({ type: 'Normal', reason: 'TimeToLiveEnded', regarding })])
})

test('its role permits every request that it makes, including those for the Lease', async () => {
  server.script(`LIST ${ENVIRONMENTS}`, list('9', [alice('5')]))
  start()
  await expect.poll(synced, DEADLINE).toBe(1)
  await source.writeStatus(write(ready('True', 'Ready')))
  await source.reviewToken('x').catch(() => undefined)
  await source.remove?.(alice('5').metadata)
  const leases = '/apis/coordination.k8s.io/v1/namespaces/branchline-system/leases'
  const held = respond({ metadata: { resourceVersion: '1' }, spec: { holderIdentity: 'me' } }, 201)
  server.script(`GET ${leases}/${MANAGER_LEASE}`, refuse(404))
  server.script(`POST ${leases}`, held).script(`PUT ${leases}/${MANAGER_LEASE}`, held)
  let elected = (): void => undefined
  const election = new Promise<void>((resolve) => (elected = resolve))
  const store = createLeaseStore(source.api, 'branchline-system', MANAGER_LEASE)
  const lease = createLease({
    store,
    identity: 'me',
    logger,
    onElected: elected,
    onLost: () => undefined,
    onFollowed: () => undefined,
  })
  lease.start()
  await election
  await lease.stop()
  await expect.poll(() => server.seen(`POST ${EVENTS}`).length, DEADLINE).toBe(1)
  await expect.poll(() => server.arrived.filter(({ query }) => query.has('watch')).length, DEADLINE).toBe(6)
  const rules = [...MANAGER_CLUSTER_RULES, ...MANAGER_NAMESPACE_RULES]
  expect(server.arrived.filter((request) => !isPermitted(rules, request)).map(({ path }) => path)).toEqual([])
  expect(new Set(server.arrived.map(({ method }) => method))).toEqual(
    new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
  )
})

test('after a stop, no connection stays', async () => {
  start()
  await expect.poll(() => server.arrived.filter(({ query }) => query.has('watch')).length, DEADLINE).toBe(6)
  await source.stop()
  await expect.poll(() => server.connections(), DEADLINE).toBe(0)
})
