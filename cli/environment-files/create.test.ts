import { injectEnvironments, type Manifest } from '@branchline/cdk8s/inject'
import { podTemplateOf } from '@branchline/cdk8s/inject/manifest'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { parseOverride, parsePreview } from './arguments.ts'
import { createEnvironment, type CreateRequest } from './create.ts'
import { manifestText } from './text.ts'

const environment = (name: string, spec: object, namespace = name): Manifest => ({
  apiVersion: 'branchline.dev/v1alpha1',
  kind: 'Environment',
  metadata: { name, namespace },
  spec,
})
const workload = (
  name: string,
  namespace: string | undefined,
  ports: object[] = [{ port: 80 }],
): Manifest[] => {
  const metadata = { name, ...(namespace !== undefined && { namespace }) }
  const containers = [{ name: 'app', image: `shop/${name}:1` }]
  const template = { metadata: { labels: { app: name } }, spec: { containers } }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { selector: { matchLabels: { app: name } }, template },
    },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: name }, ports } },
  ]
}
const shop: Manifest[] = [
  environment('baseline', { type: 'shared' }, 'shop'),
  ...workload('pricing', 'shop'),
  ...workload('web', 'shop', [
    { name: 'http', port: 8080 },
    { name: 'metrics', port: 9090 },
  ]),
]

const request = (more: Partial<CreateRequest> = {}): CreateRequest => ({
  name: 'alice',
  base: 'baseline',
  overrides: [{ workload: 'pricing', image: 'shop/pricing:pr-7' }],
  previews: [],
  ...more,
})
const outline = (manifests: readonly Manifest[]): string[] =>
  manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? '-'}/${metadata.name}`)

test('a branch has a Namespace, an Environment, its override and its previews', () => {
  const created = createEnvironment(request({ previews: [{ service: 'web' }], ttl: '72h' }), shop)
  expect(created).toMatchObject({ faults: [], notes: [], isInjected: false })
  expect(outline(created.manifests)).toEqual([
    'Namespace -/alice',
    'Environment alice/alice',
    'Deployment alice/pricing',
    'Service alice/pricing',
    'Preview alice/web',
  ])
  expect(created.manifests[1]?.spec).toEqual({ type: 'branch', base: 'baseline', ttl: '72h' })
  expect(podTemplateOf(created.manifests[2] as Manifest)?.spec?.containers).toEqual([
    { name: 'app', image: 'shop/pricing:pr-7' },
  ])
  expect(created.manifests[4]?.spec).toEqual({ service: 'web', port: 8080 })
})

test('the text is the same objects, and says how it was made', () => {
  const { manifests } = createEnvironment(request(), shop)
  const text = manifestText('branchline env create alice', manifests)
  expect(text).toMatch(/^# branchline env create alice\napiVersion: v1\nkind: Namespace\nmetadata:/)
  expect(parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS() as unknown)).toEqual(
    manifests,
  )
  const tricky = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'on' },
    data: { a: 'yes', b: '0400', c: '1e3' },
  }
  expect(parseAllDocuments(manifestText('x\ny', [tricky]), { version: '1.1' })[0]?.toJS()).toEqual(tricky)
})

test('the copies have sidecars if those of the base do, or if that is wanted', () => {
  const { manifests: injected } = injectEnvironments(shop)
  const sidecars = (source: readonly Manifest[], more: Partial<CreateRequest> = {}) => {
    const [, , copy] = createEnvironment(request(more), source).manifests as [Manifest, Manifest, Manifest]
    const { initContainers = [], dnsConfig } = podTemplateOf(copy)?.spec ?? {}
    return [initContainers.map(({ name }) => name), dnsConfig?.searches]
  }
  expect(sidecars(injected)).toEqual([['branchline-sidecar'], ['shop.svc.cluster.local']])
  expect(sidecars(shop, { inject: true })).toEqual([['branchline-sidecar'], ['shop.svc.cluster.local']])
  expect(sidecars(injected, { inject: false })).toEqual([[], undefined])
  expect(sidecars(shop)).toEqual([[], undefined])
})

test('a branch of a branch takes what is nearest', () => {
  const source = [
    ...shop,
    environment('team', { type: 'branch', base: 'baseline' }),
    ...workload('pricing', 'team'),
  ]
  const [container] = podTemplateOf(source.at(-2) as Manifest)?.spec?.containers ?? []
  Object.assign(container as object, { name: 'team' })
  const { manifests, faults } = createEnvironment(request({ base: 'team', inject: true }), source)
  expect(faults).toEqual([])
  const template = podTemplateOf(manifests[2] as Manifest)?.spec
  expect(template?.containers?.[0]?.name).toBe('team')
  expect(template?.dnsConfig?.searches).toEqual(['team.svc.cluster.local', 'shop.svc.cluster.local'])
})

test('the namespace enforces what that of the base does', () => {
  const labels = { 'pod-security.kubernetes.io/enforce': 'baseline', team: 'shop' }
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } }
  const { manifests } = createEnvironment(request(), [namespace, ...shop])
  expect(manifests[0]?.metadata.labels).toEqual({
    'pod-security.kubernetes.io/enforce': 'baseline',
    'branchline.dev/environment': 'alice',
  })
})

test('manifests without a namespace or an Environment are those of the base', () => {
  const created = createEnvironment(
    request({ previews: [{ service: 'pricing' }] }),
    workload('pricing', undefined),
  )
  expect(outline(created.manifests)).toContain('Service alice/pricing')
  expect(created.faults).toEqual([])
})

test('several images of one workload, and a Secret, which is noted', () => {
  const pods = podTemplateOf(shop[1] as Manifest)
  const two = structuredClone(shop)
  const template = podTemplateOf(two[1] as Manifest)
  template?.spec?.containers?.push({
    name: 'helper',
    image: 'shop/helper:1',
    envFrom: [{ secretRef: { name: 'db' } }],
  })
  two.push({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db', namespace: 'shop' } })
  const overrides = [
    { workload: 'pricing', container: 'app', image: 'a:2' },
    { workload: 'pricing', container: 'helper', image: 'h:2' },
  ]
  const { manifests, notes } = createEnvironment(request({ overrides }), two)
  const images = podTemplateOf(manifests[2] as Manifest)?.spec?.containers?.map(({ image }) => image)
  expect(images).toEqual(['a:2', 'h:2'])
  expect(notes).toEqual([
    'the Secret "db" is copied with its values, because the manifests of the base have them',
  ])
  expect(pods?.spec?.containers).toHaveLength(1)
})

describe('a fault is one sentence', () => {
  test.each<[string, Partial<CreateRequest>, string]>([
    [
      'an unknown base',
      { base: 'baselin' },
      '--base baselin: the manifests have no environment of this name: did you mean baseline?',
    ],
    [
      'another base',
      { base: 'x' },
      '--base x: the manifests have no environment of this name: use one of baseline',
    ],
    [
      'an invalid name',
      { name: 'Bob_1' },
      'the name Bob_1 (bob-1 would be valid): metadata.name is "Bob_1": wanted at most 63 lower-case letters, digits and inner hyphens',
    ],
    [
      'a name that exists',
      { name: 'baseline', base: 'x' },
      'the environment "baseline" already exists: choose another name, or use --force to replace it',
    ],
    ['an invalid ttl', { ttl: '3d' }, '--ttl 3d: spec.ttl is "3d": wanted a duration such as 72h or 1h30m'],
    [
      'an unknown workload',
      { overrides: [{ workload: 'pricng', image: 'x' }] },
      '--override pricng: the base has no workload or Service "pricng": did you mean "pricing"?',
    ],
    [
      'a typo in a preview',
      { previews: [{ service: 'weg' }] },
      '--preview weg: the base has no Service of this name: did you mean web?',
    ],
    [
      'an unknown service',
      { previews: [{ service: 'search' }] },
      '--preview search: the base has no Service of this name, so add its port, such as search:8080',
    ],
    [
      'an unknown port',
      { previews: [{ service: 'web', port: 80 }] },
      '--preview web: the Service has no port 80, but 8080 (http), 9090 (metrics)',
    ],
  ])('%s', (_what, more, fault) => {
    expect(createEnvironment(request(more), shop)).toMatchObject({ faults: [fault], manifests: [] })
  })
  test('two names of one workload', () => {
    const other = structuredClone(shop[2] as Manifest)
    other.metadata.name = 'prices'
    const overrides = ['pricing', 'prices'].map((name) => ({ workload: name, image: 'x:2' }))
    expect(createEnvironment(request({ overrides }), [...shop, other]).faults).toEqual([
      '--override prices: another --override names the same workload: use one name for both',
    ])
  })
})

test.each([
  ['pricing=shop/pricing:pr-7', { workload: 'pricing', image: 'shop/pricing:pr-7' }],
  [
    'pricing/app=registry:5000/a@sha256:00',
    { workload: 'pricing', container: 'app', image: 'registry:5000/a@sha256:00' },
  ],
  ['pricing', undefined],
  ['=x', undefined],
  ['pricing=', undefined],
])('--override %s', (text, parsed) => {
  expect(parseOverride(text)).toEqual(parsed)
})

test.each([
  ['web', { service: 'web' }],
  ['web:8080', { service: 'web', port: 8080 }],
  ['web:http', { service: 'web', port: 'http' }],
  ['web:', undefined],
  ['', undefined],
])('--preview %s', (text, parsed) => {
  expect(parsePreview(text)).toEqual(parsed)
})
