import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { platformManifests } from '@branchline/cdk8s/platform/manifests'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { platformText, runPlatform } from './platform.ts'

const OPTIONS = { cluster: 'eu', domain: 'preview.example.com', expose: 'LoadBalancer' }
const kinds = (text: string): unknown[] =>
  parseAllDocuments(text).map((document) => (document.toJS() as { kind: string }).kind)

test('one text installs everything: first the CRDs, then the Service for visitors and the policies', () => {
  const text = platformText(OPTIONS)
  expect(kinds(text).slice(0, 3)).toEqual([
    'Namespace',
    'CustomResourceDefinition',
    'CustomResourceDefinition',
  ])
  expect(kinds(text)).toEqual(
    expect.arrayContaining(['ClusterRole', 'Deployment', 'NetworkPolicy', 'Service']),
  )
  expect(text).toContain('type: LoadBalancer')
  expect(text).toContain('http://preview.example.com:8080')
  expect(kinds(text)).not.toContain('PodMonitor')
})

test('--relay installs no relay, and --monitors adds PodMonitors', () => {
  const text = platformText({ ...OPTIONS, relay: 'wss://relay.example.com', monitors: true })
  expect(text).toContain('wss://relay.example.com')
  expect(text).not.toContain('branchline-relay-visitors')
  expect(kinds(text).filter((kind) => kind === 'PodMonitor')).toHaveLength(2)
})

test('--registry is the registry of both images', () => {
  const text = platformText({ ...OPTIONS, registry: 'registry.example.com:5000/team' })
  expect(text.match(/registry\.example\.com:5000\/team\/branchline\/(?:manager|relay):/g)).toHaveLength(2)
})

test.each([
  [{ ...OPTIONS, expose: 'Ingress' }, /--expose is Ingress/],
  [{ ...OPTIONS, cluster: 'EU!' }, /cluster is "EU!"/],
  [
    { ...OPTIONS, relay: 'relay.example.com' },
    /relay\.address is "relay\.example\.com": wanted an address such/,
  ],
])('%j is refused with a sentence', (options, sentence) => {
  expect(() => platformText(options)).toThrow(sentence)
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-platform-'))
})
afterAll(async () => await rm(folder, { recursive: true }))

const valuesFile = async (values: unknown): Promise<string> => {
  const file = join(folder, 'values.yaml')
  await writeFile(file, stringify(values))
  return file
}

test('without options the output equals a Platform construct without properties', () => {
  const objects = parseAllDocuments(platformText({})).map((document) => document.toJS() as unknown)
  expect(objects).toEqual(platformManifests())
})

test('values override the defaults as in Helm, and options override both', async () => {
  const values = await valuesFile({
    manager: { replicas: 3, resources: { limits: null } },
    image: { registry: 'mirror.example.com', pullPolicy: 'Always' },
    networkPolicy: { enabled: false },
  })
  const text = await runPlatform({ format: 'yaml', values, domain: 'preview.example.com' })
  expect(kinds(text)).not.toContain('NetworkPolicy')
  const manager = parseAllDocuments(text)
    .map((document) => document.toJS() as { kind: string; spec: object })
    .find(({ kind }) => kind === 'Deployment')
  expect(manager?.spec).toMatchObject({
    replicas: 3,
    template: { spec: { containers: [{ image: 'mirror.example.com/branchline/manager:0.1.0' }] } },
  })
  expect(text).toContain('http://preview.example.com:8080')
})

test('writes the chart to a folder, with the options as its default values', async () => {
  const out = join(folder, 'chart')
  const printed = await runPlatform({
    format: 'helm',
    out,
    domain: 'preview.example.com',
    expose: 'NodePort',
  })
  expect(printed.split('\n')).toContain(join(out, 'templates/manager-deployment.yaml'))
  expect(await readdir(out)).toEqual(
    expect.arrayContaining(['Chart.yaml', 'crds', 'templates', 'values.schema.json', 'values.yaml']),
  )
  expect(parse(await readFile(join(out, 'values.yaml'), 'utf8'))).toMatchObject({
    createNamespace: false,
    relay: { domain: 'preview.example.com', service: { type: 'NodePort' } },
  })
})

test('a kustomize base lists all its files and its images', async () => {
  const out = join(folder, 'base')
  await runPlatform({ format: 'kustomize', out })
  const kustomization = parse(await readFile(join(out, 'kustomization.yaml'), 'utf8')) as {
    resources: string[]
    images: object[]
  }
  expect(kustomization.resources).toEqual([
    'namespace.yaml',
    'crds.yaml',
    'rbac.yaml',
    'manager.yaml',
    'relay.yaml',
    'coordinator.yaml',
    'network-policies.yaml',
  ])
  expect((await readdir(out)).toSorted()).toEqual(
    ['kustomization.yaml', ...kustomization.resources].toSorted(),
  )
  expect(kustomization.images).toEqual([
    { name: 'branchline/manager', newTag: '0.1.0' },
    { name: 'branchline/relay', newTag: '0.1.0' },
  ])
})

test.each<[unknown, RegExp]>([
  [
    { relay: { domian: 'x' } },
    /relay\.domian is not a known field: did you mean domain\? .*enabled, address/,
  ],
  [{ relay: 'wss://x' }, /relay is "wss:\/\/x": wanted an object/],
  [{ manager: { replicas: 'two' } }, /manager\.replicas is "two": wanted a number/],
  [{ manager: { replicas: 1.5 } }, /manager\.replicas is 1\.5: wanted a whole number/],
  [{ cluster: null }, /cluster is missing: set it to a text/],
  [
    { image: { pullPolicy: 'Sometimes' } },
    /image\.pullPolicy is "Sometimes": wanted one of "", Always, IfNotPresent/,
  ],
  [
    { manager: { image: { digest: 'abc' } } },
    /manager\.image\.digest is "abc": wanted a digest such as "sha256:/,
  ],
  [
    { relay: { service: { nodePort: 30_080 } } },
    /nodePort is 30080, but relay\.service\.type is ClusterIP: set/,
  ],
  [{ relayToken: { key: '' } }, /relayToken\.key is "": wanted at least 1 characters/],
  [['a'], /values.yaml: wanted a map of values/],
])('values %j are refused with a sentence', async (values, sentence) => {
  const file = await valuesFile(values)
  await expect(runPlatform({ format: 'yaml', values: file })).rejects.toThrow(sentence)
})

test('a format of several files requires a folder', async () => {
  await expect(runPlatform({ format: 'helm' })).rejects.toThrow(/--format helm writes several files/)
})
