import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseEnvironment, parsePreview } from '@branchline/wire/resources/parse'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { type InitOptions, runInit } from './run-init.ts'

/** A repository with an app. */
const root = mkdtempSync(join(tmpdir(), 'branchline-init-'))
afterAll(() => rmSync(root, { recursive: true }))

const k8s = join(root, 'k8s')
const init = (options: Partial<InitOptions> = {}, folder = k8s) => {
  const { exitCode, stdout, stderr } = runInit(folder, { name: 'baseline', ...options })
  const short = (text: string): string => text.replaceAll(`${root}/`, '')
  return { exitCode, stdout: short(stdout), stderr: short(stderr) }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

const workload = (name: string, image: string, service: string, more = ''): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec: { containers: [{ name: ${name}, image: "${image}"${more} }] }
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ${service} }
`
const APP = [
  workload('gateway', 'shop/gateway:1', 'ports: [{ port: 80 }], type: LoadBalancer'),
  workload('pricing', 'shop/pricing:1', 'ports: [{ port: 80 }]'),
  workload('search', 'vendor/search:1', 'ports: [{ port: 80 }]'),
  workload('redis', 'redis:8', 'ports: [{ port: 6379 }]'),
].join('---')

beforeEach(() => {
  for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true })
  write('.git/HEAD', '')
  write('gateway/go.mod', '')
  write('pricing/Dockerfile', 'CMD ["gunicorn", "app:app"]')
  write('k8s/all.yaml', APP)
})

test('writes the Environment, the Previews and the local overlay, and says what it does not know', () => {
  const { exitCode, stdout, stderr } = init()
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const [environment, preview] = parseAllDocuments(readFileSync(join(root, 'k8s/branchline.yaml'), 'utf8'))
  expect(parseEnvironment(environment?.toJS()).value).toMatchObject({
    metadata: { name: 'baseline', namespace: 'shop' },
    spec: { type: 'shared' },
  })
  expect(parsePreview(preview?.toJS()).value?.spec).toMatchObject({ service: 'gateway', port: 80 })
  const overlay = readFileSync(join(root, 'k8s/branchline.local.yaml'), 'utf8')
  expect(parse(overlay)).toEqual({
    gateway: { command: ['go', 'run', '.'], dir: '../gateway' },
    pricing: { command: ['gunicorn', 'app:app'], dir: '../pricing' },
  })
  expect(overlay).toContain(
    '# The command of vendor/search:1 is not known. Complete it:\n# search: {command: COMMAND, dir: "."}\n',
  )
  expect(stdout).toBe(`k8s/branchline.yaml
  Environment baseline
  Preview gateway:80, because its type is LoadBalancer
k8s/branchline.local.yaml
  gateway: go run .
  pricing: gunicorn app:app
  redis needs no line: redis:8 is known
not known:
  how search (image vendor/search:1) runs on this machine: complete its line in branchline.local.yaml

next: npx branchline up k8s
`)
})

test('never replaces a file without --force', () => {
  write('k8s/branchline.local.yaml', 'mine: { command: x }\n')
  expect(init()).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'error: k8s/branchline.local.yaml exists: use --force to replace it\n',
  })
  expect(readdirSync(join(root, 'k8s'))).toEqual(['all.yaml', 'branchline.local.yaml'])
  expect(init({ force: true, name: 'staging' }).exitCode).toBe(0)
  expect(init({ force: true }).stdout).toContain('Environment baseline')
})

test('an app without a namespace is where up puts it, and that is reported', () => {
  write('k8s/all.yaml', APP.replaceAll(', namespace: shop', ''))
  const { stdout } = init()
  expect(stdout).toContain('not known:\n  which namespace the app has on a cluster: the manifests name none')
  expect(readFileSync(join(root, 'k8s/branchline.yaml'), 'utf8')).toContain('namespace: default')
})

test.each<[string, Partial<InitOptions>, string, string]>([
  [
    'no workload',
    {},
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n',
    'error: the manifests have no Deployment and no other workload: name the folder that has them\n',
  ],
  [
    'several namespaces',
    {},
    `${APP}---${APP.replaceAll('shop }', 'other }')}`,
    'error: the manifests have workloads in other, shop, and an environment is one namespace: choose it with --namespace\n',
  ],
  [
    'another namespace',
    { namespace: 'x' },
    APP,
    'error: --namespace x: the manifests have workloads only in shop\n',
  ],
  [
    'an invalid name',
    { name: 'A B' },
    APP,
    'error: metadata.name is "A B": wanted at most 63 lower-case letters, digits and inner hyphens\n',
  ],
])('a fault: %s', (_what, options, text, stderr) => {
  write('k8s/all.yaml', text)
  expect(init(options)).toEqual({ exitCode: 1, stdout: '', stderr })
  expect(readdirSync(join(root, 'k8s'))).toEqual(['all.yaml'])
})

test('a folder that already has branches gets its base', () => {
  const spec = 'spec: { type: branch, base: baseline }'
  write(
    'k8s/alice.yaml',
    `apiVersion: branchline.dev/v1alpha1\nkind: Environment\nmetadata: { name: alice }\n${spec}\n`,
  )
  expect(init()).toMatchObject({ exitCode: 0, stderr: '' })
})

test('a folder with an Environment, a chart, a broken file, and no folder are refused', () => {
  expect(init({}, join(root, 'nowhere')).stderr).toBe(
    'error: nowhere is not a folder: name the folder of your manifests\n',
  )
  write(
    'k8s/branch.yaml',
    'apiVersion: branchline.dev/v1alpha1\nkind: Environment\nmetadata: { name: mine }\n',
  )
  expect(init().stderr).toContain(
    'error: the manifests already have the Environment "mine": use branchline up',
  )
  write('k8s/branch.yaml', 'a: [1\n')
  expect(init().stderr).toMatch(/^error: k8s\/branch.yaml:\d+: /)
  write('k8s/Chart.yaml', 'name: x')
  expect(init().stderr).toContain('error: k8s is a Helm chart: render it first')
})
