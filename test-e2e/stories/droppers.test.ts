import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { explainRoute, explainText } from 'branchline/commands/route-explain.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Running } from '../harness/target.ts'
import { chosenTarget, note } from '../harness/tell.ts'
import { until } from '../harness/until.ts'
import { visit } from '../harness/visit.ts'

/**
 * Services that drop tracestate and baggage, each of which forwards another header alone: a real B3 tracer, a
 * real Jaeger tracer, one that copies x-request-id, and one in Python that writes B3 by hand. Behind them all
 * is a leaf, and the leaf alone is what the branch changes.
 */
const PROGRAMS = join(import.meta.dirname, '../droppers')
const READY_TIMEOUT_MS = 30_000
const NODE = ['node', 'service.ts']
const CHAIN = [
  { name: 'b3', command: NODE, forward: 'b3' },
  { name: 'jaeger', command: NODE, forward: 'jaeger' },
  { name: 'copier', command: NODE, forward: 'request-id' },
  { name: 'python', command: ['python3', 'service.py'], forward: 'none' },
  { name: 'leaf', command: NODE, forward: 'none' },
]

const workload = (namespace: string, index: number, version: string): string => {
  const { name, command, forward } = CHAIN[index] as (typeof CHAIN)[number]
  const next = CHAIN[index + 1]
  const env = { NAME: name, VERSION: version, PORT: '8000', FORWARD: forward }
  const all = next === undefined ? env : { ...env, UPSTREAM: `http://${next.name}:8000/` }
  const variables = Object.entries(all).map(([name, value]) => ({ name, value }))
  return `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata:
      labels: { app: ${name} }
      annotations: { branchline.dev/local-dir: ${JSON.stringify(PROGRAMS)} }
    spec:
      containers:
        - name: ${name}
          image: droppers/service:1
          command: ${JSON.stringify(command)}
          env: ${JSON.stringify(variables)}
          ports: [{ name: web, containerPort: 8000 }]
          readinessProbe: { httpGet: { path: /ready, port: web }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 8000, targetPort: web }] }
---`
}

const environment = (name: string, spec: string): string => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name} }
---
apiVersion: branchline.dev/v1alpha1
kind: Environment
metadata: { name: ${name}, namespace: ${name} }
spec: ${spec}
---
apiVersion: branchline.dev/v1alpha1
kind: Preview
metadata: { name: b3, namespace: ${name} }
spec: { service: b3, port: 8000 }
---`

// The programs have no image: where pods need one, the unit tests of the sidecar have to do.
describe.skipIf(chosenTarget().name !== 'embedded')('a program whose services drop the key', () => {
  let folder: string
  let platform: Running
  const urlOf = (name: string): Promise<string> => platform.previewUrl(name, 'b3', READY_TIMEOUT_MS)
  const said = async (name: string): Promise<unknown> => {
    const { status, body } = await visit(await urlOf(name))
    if (status !== 200) throw new Error(`${status}: ${body}`)
    return JSON.parse(body)
  }
  const WAY = ['b3 1', 'jaeger 1', 'copier 1', 'python 1']

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'branchline-droppers-'))
    const whole = CHAIN.map((_, index) => workload('droppers', index, '1')).join('')
    await writeFile(join(folder, 'droppers.yaml'), environment('droppers', '{ type: shared }') + whole)
    const branch = environment('new-leaf', '{ type: branch, base: droppers }')
    await writeFile(join(folder, 'new-leaf.yaml'), branch + workload('new-leaf', CHAIN.length - 1, '2'))
    platform = await chosenTarget().start(folder)
  })
  afterAll(async () => {
    await platform?.stop()
    await rm(folder, { recursive: true })
  })

  test('branches work through services that drop tracestate and baggage', async () => {
    try {
      const both = async (): Promise<void> => {
        expect(await said('droppers')).toEqual([...WAY, 'leaf 1'])
        expect(await said('new-leaf')).toEqual([...WAY, 'leaf 2'])
      }
      await until('both environments', both, READY_TIMEOUT_MS)
    } catch (error) {
      throw new Error(await platform.describe(), { cause: error })
    }
    const names = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 'droppers' : 'new-leaf'))
    const leaves = await Promise.all(names.map(async (name) => ((await said(name)) as string[]).at(-1)))
    expect(leaves).toEqual(names.map((name) => (name === 'droppers' ? 'leaf 1' : 'leaf 2')))
  })

  test('route explain tells the whole way, though nobody on it forwards the question', async () => {
    const explained = await explainRoute(await urlOf('new-leaf'))
    note(explainText(explained))
    const way = explained.hops.map(({ service, environment, reason }) => [service, environment, reason])
    expect(way).toEqual([
      ...CHAIN.slice(0, -1).map(({ name }) => [name, 'droppers', 'own']),
      ['leaf', 'new-leaf', 'override'],
      ['leaf', 'new-leaf', 'routed'],
    ])
    expect(explained.hops.map(({ source }) => source)).toEqual([
      'tracestate',
      'id',
      'id',
      'id',
      'id',
      'tracestate',
    ])
  })
})
