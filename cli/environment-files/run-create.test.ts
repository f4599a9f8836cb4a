import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from '@branchline/cdk8s/inject'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { gitBranch } from './git-branch.ts'
import { type CreateOptions, runCreate } from './run-create.ts'

/** A folder with the manifests of a base. */
const root = mkdtempSync(join(tmpdir(), 'branchline-create-'))
afterAll(() => rmSync(root, { recursive: true }))

const FROM = join(root, 'base.json')
const create = async (name: string | undefined, options: Partial<CreateOptions> = {}) => {
  const { exitCode, stdout, stderr } = await runCreate(name, { base: 'baseline', ...options })
  const short = (text: string): string => text.replaceAll(`${root}/`, '').replaceAll(root, 'ROOT')
  return { exitCode, stdout: short(stdout), stderr: short(stderr) }
}

const ENVIRONMENT = {
  apiVersion: 'branchline.dev/v1alpha1',
  kind: 'Environment',
  metadata: { name: 'baseline', namespace: 'shop' },
  spec: { type: 'shared' },
}
const METADATA = { name: 'pricing', namespace: 'shop' }
const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: METADATA,
  spec: {
    selector: { matchLabels: { app: 'pricing' } },
    template: {
      metadata: { labels: { app: 'pricing' } },
      spec: {
        containers: [
          {
            name: 'pricing',
            image: 'shop/pricing:1',
            envFrom: [{ configMapRef: { name: 'flags' } }, { secretRef: { name: 'db' } }],
          },
        ],
      },
    },
  },
}
const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: METADATA,
  spec: { selector: { app: 'pricing' }, ports: [{ port: 80 }] },
}
const FLAGS = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'flags', namespace: 'shop' },
  data: { a: '1' },
}

beforeEach(() => {
  for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true })
  const all = { apiVersion: 'v1', kind: 'List', items: [ENVIRONMENT, DEPLOYMENT, SERVICE, FLAGS] }
  writeFileSync(FROM, JSON.stringify(all))
})

const objects = (text: string): Manifest[] =>
  parseAllDocuments(text).map((document) => document.toJS() as Manifest)

const override = [{ workload: 'pricing', image: 'shop/pricing:pr-7' }]
const preview = [{ service: 'pricing' }]
const NOTE =
  'note: Deployment "pricing" needs the Secret "db", which is not among the manifests, and pods of "alice" cannot use that of "shop": create it in "alice"\n'

test('prints the manifests of a branch, and what they lack on standard error', async () => {
  const { exitCode, stdout, stderr } = await create('alice', { override, preview, from: FROM })
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: NOTE })
  expect(stdout).toMatch(
    /^# branchline env create alice --base baseline --override pricing=shop\/pricing:pr-7 --preview pricing --from base.json\n/,
  )
  expect(stdout.match(/^kind: .*$/gm)).toEqual([
    'kind: Namespace',
    'kind: Environment',
    'kind: Deployment',
    'kind: Service',
    'kind: ConfigMap',
    'kind: Preview',
  ])
})

test('writes a file with the name of a git branch, never over another, and prints the next command', async () => {
  const out = join(root, 'branches')
  const options = { nameFromGit: 'feature/X_1', override, from: FROM, out }
  const first = await create(undefined, options)
  expect(first).toMatchObject({ exitCode: 0, stdout: 'branches/feature-x-1.yaml\n' })
  expect(first.stderr).toContain(
    'next: npx branchline inject base.json branches/feature-x-1.yaml | kubectl apply -f -\n',
  )
  const before = readFileSync(join(out, 'feature-x-1.yaml'), 'utf8')
  expect(await create(undefined, options)).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'error: branches/feature-x-1.yaml exists: use --force to replace it\n',
  })
  expect((await create(undefined, { ...options, force: true })).exitCode).toBe(0)
  expect(readFileSync(join(out, 'feature-x-1.yaml'), 'utf8')).toBe(before)
})

test('in the folder of the base, a second run replaces the first, and up is the next command', async () => {
  const options = { override, from: root, out: join(root, 'branches') }
  expect((await create('alice', options)).stderr).toContain('next, on this machine: npx branchline up ROOT\n')
  expect(await create('alice', { ...options, force: true })).toMatchObject({ exitCode: 0 })
  expect((await create('alice', { from: root })).stderr).toBe(
    'error: the environment "alice" already exists: choose another name, or use --force to replace it\n',
  )
})

test('--ts writes a program that synthesises the same workloads', async () => {
  // Below the repository, where the packages are found.
  const repository = join(import.meta.dirname, '../../dist')
  mkdirSync(repository, { recursive: true })
  const out = mkdtempSync(join(repository, 'create-'))
  try {
    const options = { override, preview, from: FROM, inject: true, out }
    expect(await create('alice', { ...options, ts: true })).toMatchObject({ exitCode: 0 })
    await create('alice', options)
    const written = objects(readFileSync(join(out, 'alice.yaml'), 'utf8'))
    const run = spawnSync(process.execPath, [join(out, 'alice.ts')], {
      env: { ...process.env, CDK8S_OUTDIR: out },
      encoding: 'utf8',
    })
    expect(run.stderr).toBe('')
    const synthesised = objects(readFileSync(join(out, 'alice.k8s.yaml'), 'utf8'))
    const kinds = ['Deployment', 'Service', 'ConfigMap', 'Environment']
    for (const kind of kinds) {
      const of = (all: readonly Manifest[]) => all.find((it) => it.kind === kind)
      expect(of(synthesised)).toEqual(of(written))
    }
    expect(synthesised.map(({ kind }) => kind)).toContain('Preview')
  } finally {
    rmSync(out, { recursive: true })
  }
  await expect(create('alice', { kubeconfig: 'x', ts: true })).rejects.toThrow('--ts needs --from FOLDER')
})

test('a fault is printed, and wrong arguments reject', async () => {
  const x = [{ workload: 'x', image: 'y:1' }]
  expect(await create('alice', { override: x, from: FROM })).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'error: --override x: the base has no workload or Service "x": use one of pricing\n',
  })
  await expect(create(undefined)).rejects.toThrow('no name is given: use either NAME or --name-from-git')
  await expect(create('alice', { nameFromGit: true })).rejects.toMatchObject({ code: 'BL_USAGE' })
  await expect(create('alice', { from: join(root, 'nowhere') })).rejects.toThrow(/nowhere does not exist/)
})

test('the git branch of a folder, or what to do without one', async () => {
  await expect(gitBranch(root)).rejects.toThrow(/^no git branch is checked out here, as in a job of CI: name/)
  spawnSync('git', ['init', '-q', '-b', 'feature/X_1', '.'], { cwd: root })
  expect(await gitBranch(root)).toBe('feature/X_1')
})

const resource = (name: string, kind: string) => ({
  name,
  kind,
  namespaced: true,
  verbs: ['list'],
  singularName: '',
})
const resources = (groupVersion: string, ...all: object[]) => ({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion,
  resources: all,
})
const list = (kind: string, items: object[], next?: string) => ({
  kind: `${kind}List`,
  apiVersion: 'v1',
  metadata: next === undefined ? {} : { continue: next },
  items,
})

/** The responses of an API server to the requests of the command, as its reference describes them. */
const RESPONSES: Readonly<Record<string, object>> = {
  '/apis/branchline.dev/v1alpha1': resources(
    'branchline.dev/v1alpha1',
    resource('environments', 'Environment'),
  ),
  '/api/v1': resources(
    'v1',
    { ...resource('namespaces', 'Namespace'), namespaced: false },
    resource('services', 'Service'),
    resource('configmaps', 'ConfigMap'),
    resource('serviceaccounts', 'ServiceAccount'),
    resource('persistentvolumeclaims', 'PersistentVolumeClaim'),
  ),
  '/apis/apps/v1': resources(
    'apps/v1',
    resource('deployments', 'Deployment'),
    resource('statefulsets', 'StatefulSet'),
    resource('daemonsets', 'DaemonSet'),
  ),
  '/apis/branchline.dev/v1alpha1/environments': list('Environment', [ENVIRONMENT]),
  '/apis/apps/v1/namespaces/shop/deployments': list('Deployment', [], 'more'),
  '/apis/apps/v1/namespaces/shop/deployments more': list('Deployment', [
    {
      metadata: { ...METADATA, uid: 'u', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { ...DEPLOYMENT.spec, revisionHistoryLimit: 10 },
      status: { replicas: 1 },
    },
  ]),
  '/api/v1/namespaces/shop/services': list('Service', [
    { metadata: METADATA, spec: { ...SERVICE.spec, clusterIP: '10.0.0.1', type: 'ClusterIP' } },
  ]),
  '/api/v1/namespaces/shop/configmaps': list('ConfigMap', [{ metadata: FLAGS.metadata, data: FLAGS.data }]),
}

test('from a cluster, it reads page by page, without Secrets, and prints what a folder results in', async () => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    asked.push(pathname)
    const next = searchParams.get('continue')
    const body = RESPONSES[next === null ? pathname : `${pathname} ${next}`] ?? list('Empty', [])
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const config = {
    clusters: [
      { name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } },
    ],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    users: [{ name: 'u', user: {} }],
    'current-context': 'x',
  }
  const kubeconfig = join(root, 'kubeconfig.json')
  writeFileSync(kubeconfig, JSON.stringify(config))
  const cluster = await create('alice', { override, preview, kubeconfig })
  server.close()
  expect(cluster).toMatchObject({ exitCode: 0, stderr: NOTE })
  const folder = await create('alice', { override, preview, from: FROM })
  expect(objects(cluster.stdout)).toEqual(objects(folder.stdout))
  expect(asked.filter((path) => path.includes('secrets'))).toEqual([])
  expect(asked.filter((path) => path.endsWith('/deployments'))).toHaveLength(2)
})
