import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readManifests } from './manifests/read.ts'
import { app, TestCluster } from './test/harness.ts'
import { describeProblem } from './types.ts'
import { until } from '../testing/until.ts'

// Attack: `up` runs the manifests of a branch that someone else wrote. Names of objects, containers, volumes, keys and
// items become parts of paths, so `../` in a name could write files anywhere and, when the pod ended, delete folders
// anywhere. Fix: every name is checked by Kubernetes' own rule before the object is used, and an object with an invalid
// name is ignored with a message.

const outside = mkdtempSync(join(tmpdir(), 'branchline-outside-'))
const ESCAPE = `x/../../../${basename(outside)}`
beforeEach(() => {
  mkdirSync(join(outside, 'db-0'))
  writeFileSync(join(outside, 'db-0', 'keep'), 'precious')
})
afterEach(() => rmSync(join(outside, 'db-0'), { recursive: true, force: true }))
afterAll(() => rmSync(outside, { recursive: true }))

const workload = (kind: string, name: string, spec: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace: 'shop' },
  spec: {
    selector: { matchLabels: { app: 'a' } },
    template: {
      metadata: { labels: { app: 'a' } },
      spec: { containers: [{ name: 'c', command: ['sleep', '60'] }], ...spec },
    },
  },
})
const configMap = (data: object, name = 'settings'): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop' },
  data,
})
const volume = (one: object): object =>
  workload('Deployment', 'a', { volumes: [{ name: 'v', configMap: { name: 'settings' }, ...one }] })
const container = (one: object): object =>
  workload('Deployment', 'a', { containers: [{ name: 'c', command: ['sleep', '60'], ...one }] })
const mount = (one: object): object => container({ volumeMounts: [{ name: 'v', mountPath: '/v', ...one }] })
const items = (path: string): object[] => [{ key: 'k', path }]

const messagesOf = (object: object): string[] => {
  const { manifests, problems } = readManifests('a.json', JSON.stringify(object))
  expect(manifests).toEqual([])
  return problems.map(describeProblem)
}

describe('an object is ignored with a message that names the field, the value and the rule, for', () => {
  test.each<[string, object, string]>([
    ['a name', workload('Deployment', ESCAPE), `metadata.name is "${ESCAPE}": wanted lower-case letters`],
    ['a capital', workload('Deployment', 'Api'), 'metadata.name is "Api"'],
    ['a line in a name', workload('Deployment', 'a\nb'), 'metadata.name is "a\\nb"'],
    [
      'a namespace',
      { ...configMap({}), metadata: { name: 'a', namespace: '../a' } },
      'metadata.namespace is "../a"',
    ],
    [
      'a Namespace',
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a.b' } },
      'metadata.name is "a.b"',
    ],
    ['a long StatefulSet', workload('StatefulSet', 'a'.repeat(53)), 'at most 52 characters'],
    [
      'a role',
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'a/b' } },
      'no "/"',
    ],
    ['a key', configMap({ '../a': 'x' }), 'data has the key "../a": wanted letters'],
    ['a key of dots', configMap({ '..': 'x' }), 'data has the key ".."'],
    ['a container', container({ name: '../c' }), 'spec.template.spec.containers[0].name is "../c"'],
    [
      'two containers',
      workload('Deployment', 'a', { initContainers: [{ name: 'c' }] }),
      'has the name "c" twice',
    ],
    ['a volume', volume({ name: ESCAPE }), `spec.template.spec.volumes[0].name is "${ESCAPE}"`],
    ['an item', volume({ configMap: { name: 's', items: items('../../a') } }), 'items[0].path is "../../a"'],
    ['an absolute item', volume({ secret: { secretName: 's', items: items('/etc/a') } }), 'is "/etc/a"'],
    [
      'a projected item',
      volume({ projected: { sources: [{ configMap: { name: 's', items: items('a/../..') } }] } }),
      'projected.sources[0].configMap.items[0].path is "a/../.."',
    ],
    [
      'a token',
      volume({ projected: { sources: [{ serviceAccountToken: { path: '../t' } }] } }),
      'path is "../t"',
    ],
    ['a sub-path', mount({ subPath: '../../x' }), 'volumeMounts[0].subPath is "../../x"'],
    ['a mount path', mount({ mountPath: '/a:b' }), 'volumeMounts[0].mountPath is "/a:b"'],
    [
      'an alias of hosts',
      workload('Deployment', 'a', { hostAliases: [{ ip: '10.0.0.1', hostnames: ['a\n127.0.0.1 b'] }] }),
      'hostAliases[0].hostnames[0] is "a\\n127.0.0.1 b"',
    ],
  ])('%s', (_name, object, sentence) => {
    expect(messagesOf(object)).toEqual([expect.stringContaining(sentence)])
  })
})

test('names that Kubernetes allows run', () => {
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'system:a:b' },
  }
  const many = [
    configMap({ 'a.B_c-1': 'x', '.hidden': 'x' }, 'a.b.c'),
    role,
    volume({ configMap: { name: 's', items: items('deep/er/..a') } }),
    mount({ subPath: 'a/b..c' }),
  ]
  for (const object of many) expect(readManifests('a.json', JSON.stringify(object)).problems).toEqual([])
})

test('a cluster writes and deletes nothing outside its folder, and runs the other objects', async () => {
  const test = await TestCluster.start({
    'hostile.json': [
      workload('Deployment', `${ESCAPE}/escaped`),
      workload('StatefulSet', `${ESCAPE}/db`),
      configMap({ pwn: 'x' }),
      volume({ name: `../../../../${basename(outside)}/volume` }),
    ],
    'good.json': app('api'),
  })
  symlinkSync('/', join(test.folder, 'root'))
  symlinkSync('.', join(test.folder, 'loop'))
  try {
    await test.ready('shop', 'api')
    test.write('hostile.json', [configMap({ pwn: 'x' })])
    test.write('more.json', app('web'))
    await test.ready('shop', 'web')
  } finally {
    await test.stop()
  }
  expect(readdirSync(outside)).toEqual(['db-0'])
  expect(existsSync(join(outside, 'db-0', 'keep'))).toBe(true)
  expect(test.reported.filter((line) => line.includes('wanted lower-case letters'))).toHaveLength(3)
})

test('a Deployment with a long name gets pods whose names and folders are valid', async () => {
  const name = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}`
  const [long] = app(name, { container: { name: 'c' } })
  const test = await TestCluster.start({ 'long.json': [long as object] })
  try {
    await until(() => test.cluster.state().pods.some(({ ready }) => ready), 'a ready pod')
    expect(test.cluster.state().pods[0]?.name).toMatch(/^a{40,}.*-[0-9a-f]{5}$/)
    expect(test.cluster.state().pods[0]?.name.length).toBeLessThanOrEqual(63)
  } finally {
    await test.stop()
  }
})
