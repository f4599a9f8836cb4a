import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster } from '@branchline/runtime/local/cluster'
import { findRuns } from '@branchline/runtime/local/runs'
import type { LocalEvent } from '@branchline/wire/local-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LocalTarget } from './local.ts'

// A cluster with one Deployment that prints lines, and a branch without workloads.
const APP = "let i = 0; setInterval(() => console.log('line ' + i++), 20)"
const apiVersion = 'branchline.dev/v1alpha1'
const MANIFESTS = [
  {
    apiVersion,
    kind: 'Environment',
    metadata: { name: 'base', namespace: 'base' },
    spec: { type: 'shared' },
  },
  {
    apiVersion,
    kind: 'Environment',
    metadata: { name: 'alice', namespace: 'alice' },
    spec: { type: 'branch', base: 'base' },
  },
]
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'app', namespace: 'base' },
  spec: {
    selector: { matchLabels: { app: 'app' } },
    template: {
      metadata: { labels: { app: 'app' } },
      spec: { containers: [{ name: 'app', command: [process.execPath, '-e', APP] }] },
    },
  },
}
const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'base' }, data: {} }

const folder = mkdtempSync(join(tmpdir(), 'branchline-target-'))
let cluster: Cluster
let target: LocalTarget

beforeAll(async () => {
  const objects = [...MANIFESTS, deployment, secret]
  writeFileSync(join(folder, 'all.yaml'), objects.map((object) => JSON.stringify(object)).join('\n---\n'))
  const started = await Cluster.start({ folder })
  cluster = started.cluster
  const run = findRuns().find((one) => one.folder === folder)
  if (run === undefined) throw new Error('the run is not found')
  target = new LocalTarget(run)
})
afterAll(async () => {
  await cluster.stop()
  rmSync(folder, { recursive: true })
})

/** Watches until the condition holds for an event, and returns it. */
async function eventOf(
  kind: 'Environment' | 'Pod',
  isWanted: (event: LocalEvent) => boolean,
): Promise<LocalEvent> {
  const stop = new AbortController()
  let found: LocalEvent | undefined
  await target.watch(
    [kind],
    undefined,
    (event) => {
      if (found !== undefined || !isWanted(event)) return
      found = event
      stop.abort()
    },
    stop.signal,
  )
  return found as LocalEvent
}
const podName = async (not?: string): Promise<string> => {
  const event = await eventOf(
    'Pod',
    (one) =>
      one.type !== 'SYNCED' &&
      one.type !== 'DELETED' &&
      one.object.metadata.name !== not &&
      !('deletionTimestamp' in one.object.metadata),
  )
  return event.type === 'SYNCED' ? '' : event.object.metadata.name
}

test('lists objects of a kind, of all namespaces or of one', async () => {
  const names = async (namespace?: string): Promise<string[]> =>
    (await target.list('Environment', namespace)).map(({ metadata }) => metadata.name)
  expect(await names()).toEqual(['base', 'alice'])
  expect(await names('alice')).toEqual(['alice'])
  expect(await target.problems()).toEqual([])
})

test('follows the output of a container until the signal aborts', async () => {
  const container = { namespace: 'base', pod: await podName(), container: 'app' }
  const stop = new AbortController()
  const lines: string[] = []
  await target.log(
    container,
    { follow: true },
    (line) => {
      if (lines.push(line) === 5) stop.abort()
    },
    stop.signal,
  )
  expect(lines.slice(0, 5)).toEqual(['line 0', 'line 1', 'line 2', 'line 3', 'line 4'])
  const last: string[] = []
  await target.log(
    container,
    { follow: false, tail: 2 },
    (line) => last.push(line),
    new AbortController().signal,
  )
  expect(last).toHaveLength(2)
  await expect(
    target.log({ ...container, container: 'no' }, { follow: false }, () => undefined, stop.signal),
  ).resolves.toBeUndefined()
  await expect(
    target.log(
      { ...container, container: 'no' },
      { follow: false },
      () => undefined,
      new AbortController().signal,
    ),
  ).rejects.toThrow(/has no container no/)
})

test('a patch is in effect until the manifest changes', async () => {
  const at = { kind: 'Environment', namespace: 'alice', name: 'alice' } as const
  const spec = async (): Promise<unknown> => (await target.list('Environment', 'alice'))[0]?.['spec']
  await target.patch({ ...at, patch: { spec: { paused: true } } })
  expect(await spec()).toMatchObject({ base: 'base', paused: true })
  await target.patch({ ...at, patch: null })
  expect(await spec()).toBeUndefined()
  await expect(target.patch({ ...at, name: 'carol', patch: {} })).rejects.toThrow(
    /^Environment carol: up of .* answered 404: no such object$/,
  )
})

test('a changed template replaces the pods, and the end of a pod ends its log', async () => {
  const before = await podName()
  const log = target.log(
    { namespace: 'base', pod: before, container: 'app' },
    { follow: true, tail: 0 },
    () => undefined,
    new AbortController().signal,
  )
  const annotations = { 'kubectl.kubernetes.io/restartedAt': 'now' }
  await target.patch({
    kind: 'Deployment',
    namespace: 'base',
    name: 'app',
    patch: { spec: { template: { metadata: { annotations } } } },
  })
  expect(await podName(before)).toMatch(/^app-/)
  await log
})
