import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  list,
  refuse,
  respond,
  ScriptedApi,
  watch,
} from '@branchline/runtime/kubernetes/fixture/scripted-api'
import type { LocalEvent } from '@branchline/wire/local-api'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ClusterTarget } from './cluster.ts'

const GROUP = '/apis/branchline.dev/v1alpha1'
const folder = mkdtempSync(join(tmpdir(), 'branchline-kubeconfig-'))
const file = join(folder, 'config')
const discovery = (...resources: [string, string][]) =>
  respond({
    kind: 'APIResourceList',
    resources: resources.map(([kind, name]) => ({ kind, name, namespaced: true, verbs: [] })),
  })
const environment = (name: string, resourceVersion: string, spec: object = {}) => ({
  apiVersion: 'branchline.dev/v1alpha1',
  kind: 'Environment',
  metadata: { name, namespace: name, resourceVersion, creationTimestamp: '2026-11-21T10:00:00Z' },
  spec,
})

let api: ScriptedApi
beforeAll(async () => {
  api = await new ScriptedApi().listen()
  api.always(`GET ${GROUP}`, discovery(['Environment', 'environments']))
  api.always('GET /api/v1', discovery(['Pod', 'pods']))
  const { server } = api.access()
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'secret' } }],
    contexts: [{ name: 'dev', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'dev',
  }
  writeFileSync(file, JSON.stringify(config))
})
afterAll(async () => {
  await api.close()
  rmSync(folder, { recursive: true })
})
const open = (): ClusterTarget => ClusterTarget.open({ kubeconfig: file })

test('lists objects as JSON, with the credentials of the context', async () => {
  api.script(`GET ${GROUP}/environments`, list('7', [environment('alice', '3')]))
  const target = open()
  expect(target.name).toBe('context dev')
  expect(await target.list('Environment')).toEqual([environment('alice', '3')])
  expect(api.seen(`GET ${GROUP}/environments`)[0]?.headers.authorization).toBe('Bearer secret')
  api.script(
    'GET /api/v1/namespaces/alice/pods',
    list('7', [{ metadata: { name: 'p', creationTimestamp: '2026-11-21T10:00:00Z' } }]),
  )
  const [pod] = await target.list('Pod', 'alice')
  expect(pod).toMatchObject({ kind: 'Pod', apiVersion: 'v1', metadata: { name: 'p' } })
  expect(typeof pod?.metadata.creationTimestamp).toBe('string')
})

test('changes by merge patch, and deletes', async () => {
  const path = `${GROUP}/namespaces/alice/environments/alice`
  api.script(`PATCH ${path}`, respond(environment('alice', '4')))
  api.script(`DELETE ${path}`, respond({ kind: 'Status', apiVersion: 'v1', status: 'Success' }))
  const at = { kind: 'Environment', namespace: 'alice', name: 'alice' } as const
  await open().patch({ ...at, patch: { spec: { paused: true } } })
  const [patch] = api.seen(`PATCH ${path}`)
  expect(patch?.headers['content-type']).toBe('application/merge-patch+json')
  expect(patch?.body).toMatchObject({ spec: { paused: true }, metadata: { name: 'alice' } })
  await open().patch({ ...at, patch: null })
  expect(api.seen(`DELETE ${path}`)).toHaveLength(1)
})

test.each([
  [
    403,
    { message: 'pods is forbidden: User "u" cannot list' },
    /^list pods \(context dev\): pods is forbidden.*: ask for this right, or limit the command to a namespace with -n$/,
  ],
  [
    401,
    { message: 'Unauthorized' },
    /^list pods \(context dev\): Unauthorized: the credentials .* so log in again$/,
  ],
  [500, {}, /^list pods \(context dev\): the API server answered 500$/],
])('says what a refusal with %i means', async (code, fields, message) => {
  api.script('GET /api/v1/pods', refuse(code, fields))
  await expect(open().list('Pod')).rejects.toThrow(message)
})

test('an API server without the CRDs', async () => {
  api.script(`GET ${GROUP}`, refuse(404))
  await expect(open().list('Environment')).rejects.toThrow(/that Branchline is installed/)
})

test('follows a log line by line until the signal aborts', async () => {
  api.always('GET /api/v1/namespaces/alice/pods/p/log', (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.write('one\ntw')
    response.write('o\nthree\n')
  })
  const stop = new AbortController()
  const lines: string[] = []
  const container = { namespace: 'alice', pod: 'p', container: 'app' }
  await open().log(
    container,
    { follow: true, tail: 3 },
    (line) => {
      lines.push(line)
      if (line === 'three') stop.abort()
    },
    stop.signal,
  )
  expect(lines).toEqual(['one', 'two', 'three'])
  const [request] = api.seen('GET /api/v1/namespaces/alice/pods/p/log')
  expect(Object.fromEntries(request?.query ?? [])).toMatchObject({
    container: 'app',
    follow: 'true',
    tailLines: '3',
  })
})

test('a log that the API server refuses', async () => {
  api.script('GET /api/v1/namespaces/alice/pods/q/log', refuse(404, { message: 'pods "q" not found' }))
  const container = { namespace: 'alice', pod: 'q', container: 'app' }
  const log = open().log(container, { follow: false }, () => undefined, new AbortController().signal)
  await expect(log).rejects.toThrow(
    /^logs of pod alice\/q \(context dev\): pods "q" not found: check the name/,
  )
})

test('a watch that ends is begun again, and reports only what differs', async () => {
  const path = `${GROUP}/environments`
  const [a, b, b2, c] = [
    environment('a', '1'),
    environment('b', '2'),
    environment('b', '3', { paused: true }),
    environment('c', '4'),
  ]
  const second = Promise.withResolvers<void>()
  api.script(`GET ${path}`, list('2', [a, b]), list('4', [b2, c]))
  api.script(
    `WATCH ${path}`,
    watch(
      [
        { type: 'ADDED', object: b },
        { type: 'MODIFIED', object: b2 },
      ],
      (response) => response.end(),
    ),
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
      second.resolve()
    },
  )
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const events: string[] = []
  const told = (event: LocalEvent): void =>
    void events.push(event.type === 'SYNCED' ? 'SYNCED' : `${event.type} ${event.object.metadata.name}`)
  const watching = open().watch(['Environment'], undefined, told, stop.signal)
  await second.promise
  stop.abort()
  await watching
  expect(events).toEqual(['ADDED a', 'ADDED b', 'SYNCED', 'MODIFIED b', 'ADDED c', 'DELETED a'])
  expect(api.seen(`WATCH ${path}`).map(({ query }) => query.get('resourceVersion'))).toEqual(['2', '4'])
})

test.each([
  [{ kubeconfig: '/nowhere' }, 'the kubeconfig /nowhere does not exist: check the path'],
  [
    { kubeconfig: file, context: 'prod' },
    '--context is prod, which the kubeconfig does not have: it has dev',
  ],
])('%j: a message', (choice, message) => {
  expect(() => ClusterTarget.open(choice)).toThrow(message)
})
