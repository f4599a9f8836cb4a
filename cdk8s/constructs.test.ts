import { App, Chart } from 'cdk8s'
import { describe, expect, test } from 'vitest'
import {
  Environment,
  type EnvironmentProps,
  type Manifest,
  Platform,
  type PlatformProps,
  Preview,
  type PreviewProps,
  SynthError,
  Workload,
  type WorkloadProps,
} from './index.ts'
import { podTemplateOf, serviceSpecOf } from './inject/manifest.ts'
import { againstRestricted, whyInvalid } from './kubernetes.fixture.ts'

const app = () => new App({ outdir: 'not-written' })
const objects = (chart: Chart) => chart.toJson() as Manifest[]
const find = (chart: Chart, kind: string, name: string) =>
  objects(chart).find((it) => it.kind === kind && it.metadata.name === name) as Manifest
const outline = (chart: Chart) =>
  objects(chart).map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? '-'}/${metadata.name}`)

function shop() {
  const root = app()
  const baseline = new Environment(root, 'baseline', { type: 'shared' })
  new Workload(baseline, 'web', { image: 'shop/web:1', port: 8080 })
  new Preview(baseline, 'web', { port: 8080 })
  const alice = new Environment(root, 'alice', { type: 'branch', base: 'baseline' })
  new Workload(alice, 'api', { image: 'shop/api:pr-7', port: 8080, health: '/healthz' })
  new Preview(alice, 'web', { port: 8080 })
  return { root, baseline, alice }
}

test('an environment is a Namespace and an Environment resource', () => {
  const { alice } = shop()
  expect(outline(alice)).toEqual([
    'Namespace -/alice',
    'Environment alice/alice',
    'ServiceAccount alice/api',
    'Deployment alice/api',
    'Service alice/api',
    'Preview alice/web',
  ])
  expect(find(alice, 'Environment', 'alice').spec).toEqual({ type: 'branch', base: 'baseline' })
  expect(find(alice, 'Namespace', 'alice').metadata.labels).toMatchObject({
    'branchline.dev/environment': 'alice',
    'pod-security.kubernetes.io/enforce': 'restricted',
  })
  expect(find(alice, 'Preview', 'web').spec).toEqual({ service: 'web', port: 8080, access: 'public' })
})

test('the Service of a workload targets the sidecar, and its pods search the baseline', () => {
  const { alice, baseline } = shop()
  const template = podTemplateOf(find(alice, 'Deployment', 'api'))
  expect(template?.spec?.initContainers?.map(({ name }) => name)).toEqual(['branchline-sidecar'])
  expect(template?.spec?.dnsConfig).toEqual({ searches: ['baseline.svc.cluster.local'] })
  expect(serviceSpecOf(find(alice, 'Service', 'api'))?.ports).toEqual([
    {
      name: 'http',
      port: 8080,
      targetPort: expect.stringMatching(/^branchline-\d+$/) as string,
      appProtocol: 'http',
    },
  ])
  expect(podTemplateOf(find(baseline, 'Deployment', 'web'))?.spec?.dnsConfig).toBeUndefined()
})

describe('the namespaces above', () => {
  const searches = (environment: Environment) => {
    new Workload(environment, 'x', { image: 'x:1' })
    return () => podTemplateOf(find(environment, 'Deployment', 'x'))?.spec?.dnsConfig?.searches
  }
  test('are those of the whole chain, nearest first, even if a base is constructed later', () => {
    const root = app()
    const found = searches(new Environment(root, 'c', { type: 'branch', base: 'b' }))
    new Environment(root, 'b', { type: 'branch', base: 'a', namespace: 'team-b' })
    new Environment(root, 'a', { type: 'shared' })
    expect(found()).toEqual(['team-b.svc.cluster.local', 'a.svc.cluster.local'])
  })
  test('are the name of a base of another app, or the given ones', () => {
    expect(searches(new Environment(app(), 'c', { type: 'branch', base: 'b' }))()).toEqual([
      'b.svc.cluster.local',
    ])
    const given = new Environment(app(), 'c', { type: 'branch', base: 'b', above: ['x', 'y'] })
    expect(searches(given)()).toEqual(['x.svc.cluster.local', 'y.svc.cluster.local'])
  })
})

test('ports by name, variables, and the command of the embedded cluster', () => {
  const environment = new Environment(app(), 'a', { type: 'shared' })
  new Workload(environment, 'db', {
    image: 'postgres:18',
    ports: { postgres: { port: 5432, targetPort: 5433 }, grpc: 9090 },
    env: {
      A: 1,
      S: { secret: 's', key: 'k' },
      C: { configMap: 'c', key: 'k' },
      F: { field: 'metadata.name' },
    },
    local: { command: ['postgres', '-D', '$(DATA)'], dir: '.' },
    health: 'grpc',
  })
  const template = podTemplateOf(find(environment, 'Deployment', 'db'))
  expect(template?.metadata?.annotations).toMatchObject({
    'branchline.dev/inbound': '25001=5433/tcp,25002=9090/grpc',
    'branchline.dev/local-command': '["postgres","-D","$(DATA)"]',
    'branchline.dev/local-dir': '.',
  })
  expect(template?.spec?.containers?.[0]).toMatchObject({
    env: [
      { name: 'A', value: '1' },
      { name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      { name: 'C', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } },
      { name: 'F', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ],
    livenessProbe: { grpc: { port: 5433 } },
  })
})

test('an environment whose namespace wants no sidecars gets none', () => {
  const environment = new Environment(app(), 'a', {
    type: 'shared',
    labels: { 'branchline.dev/inject': 'false' },
  })
  new Workload(environment, 'web', { image: 'a:1', port: 80 })
  expect(podTemplateOf(find(environment, 'Deployment', 'web'))?.spec?.initContainers).toBeUndefined()
})

describe('the platform', () => {
  const platform = (props?: PlatformProps) => new Platform(app(), 'platform', props)
  test('has all its objects', () => {
    expect(outline(platform({ relay: { expose: 'NodePort', nodePort: 30080 } }))).toMatchInlineSnapshot(`
      [
        "Namespace -/branchline-system",
        "CustomResourceDefinition -/environments.branchline.dev",
        "CustomResourceDefinition -/previews.branchline.dev",
        "ClusterRole -/branchline-manager",
        "ClusterRoleBinding -/branchline-manager",
        "Role branchline-system/branchline-manager",
        "RoleBinding branchline-system/branchline-manager",
        "ServiceAccount branchline-system/branchline-manager",
        "Deployment branchline-system/branchline-manager",
        "Service branchline-system/branchline-manager",
        "PodDisruptionBudget branchline-system/branchline-manager",
        "ServiceAccount branchline-system/branchline-relay",
        "Deployment branchline-system/branchline-relay",
        "Service branchline-system/branchline-relay",
        "PodDisruptionBudget branchline-system/branchline-relay",
        "Service branchline-system/branchline-coordinator",
        "Service branchline-system/branchline-relay-visitors",
        "NetworkPolicy branchline-system/branchline-default-deny",
        "NetworkPolicy branchline-system/branchline-manager",
        "NetworkPolicy branchline-system/branchline-relay",
      ]
    `)
  })
  test('has fewer objects without a relay, and for the embedded cluster', () => {
    expect(outline(platform({ relay: false })).filter((line) => line.includes('relay'))).toEqual([])
    expect(
      outline(platform({ source: 'local' })).filter((line) => /ClusterRole|NetworkPolicy/.test(line)),
    ).toEqual([])
  })
  test('creates a Secret only for a token that is a text', () => {
    expect(find(platform({ relayToken: 'x' }), 'Secret', 'branchline-relay-token')).toBeDefined()
    expect(outline(platform()).filter((line) => line.startsWith('Secret'))).toEqual([])
  })
  test('grants no writes except statuses, expired environments, token reviews and Events', () => {
    const { rules } = find(platform(), 'ClusterRole', 'branchline-manager') as Manifest & {
      rules: { resources: string[]; verbs: string[] }[]
    }
    const writes = rules.flatMap(({ resources, verbs }) =>
      verbs
        .filter((verb) => !['get', 'list', 'watch'].includes(verb))
        .map((verb) => `${verb} ${resources.join(' ')}`),
    )
    expect(writes).toEqual([
      'delete environments',
      'patch environments/status previews/status',
      'create tokenreviews',
      'create events',
    ])
  })
})

test("all objects are valid by Kubernetes' schemas and meet the Pod Security Standard restricted", async () => {
  const { root, alice, baseline } = shop()
  const platform = new Platform(root, 'platform', { relayToken: 'x', relay: { expose: 'LoadBalancer' } })
  const all = [alice, baseline, platform].flatMap(objects)
  const invalid = await Promise.all(all.map(whyInvalid))
  expect(invalid.filter((why) => why !== undefined)).toEqual([])
  const pods = all.flatMap((manifest) => podTemplateOf(manifest)?.spec ?? [])
  expect(pods).toHaveLength(4)
  expect(pods.flatMap((pod) => againstRestricted(pod as Parameters<typeof againstRestricted>[0]))).toEqual([])
})

describe('invalid input throws one sentence', () => {
  const faultsOf = (build: () => unknown): readonly string[] => {
    try {
      build()
    } catch (error) {
      if (error instanceof SynthError) return error.faults
      throw error
    }
    return []
  }
  test.each<[string, EnvironmentProps, RegExp]>([
    [
      'Alice',
      { type: 'shared' },
      /^Environment "Alice": metadata.name is "Alice": wanted at most 63 lower-case letters/,
    ],
    ['a', { type: 'brunch' as 'shared' }, /^Environment "a": spec.type is "brunch": wanted one of/],
    ['a', { type: 'shared', key: 'a b' }, /^Environment "a": spec.key is "a b"/],
    ['a', { type: 'shared', ttl: '3d' }, /^Environment "a": spec.ttl is "3d": wanted a duration/],
  ])('Environment %s %j', (name, props, fault) => {
    expect(faultsOf(() => new Environment(app(), name, props))).toContainEqual(expect.stringMatching(fault))
  })
  test.each<[string, Partial<WorkloadProps>, RegExp]>([
    ['1a', {}, /^Workload "1a" of "e": the name is "1a": wanted a letter/],
    ['a', { image: '' }, /: image is "": wanted one such as/],
    ['a', { replicas: -1 }, /: replicas is -1: wanted a whole number/],
    ['a', { port: 70000 }, /: port is 70000: wanted a whole number from 1 to 65535/],
    ['a', { ports: { 'Not-A-Name': 1 } }, /: ports has "Not-A-Name"/],
    ['a', { ports: { x: { port: 1, targetPort: 0 } } }, /: ports.x.targetPort is 0/],
    [
      'a',
      { ports: { x: { port: 1, protocol: 'smtp' as 'tcp' } } },
      /: ports.x.protocol is "smtp": wanted one of http/,
    ],
    ['a', { port: 1, ports: { http: 2 } }, /: port and ports.http are both set/],
    ['a', { env: { 'A B': 1 } }, /: env has "A B": wanted a name such as/],
    ['a', { health: 'healthz' }, /: health is "healthz": wanted a path/],
  ])('Workload %s %j', (name, props, fault) => {
    const environment = new Environment(app(), 'e', { type: 'shared' })
    expect(faultsOf(() => new Workload(environment, name, { image: 'x:1', ...props }))).toContainEqual(
      expect.stringMatching(fault),
    )
  })
  test.each<[string, PreviewProps, RegExp]>([
    ['Web', { port: 80 }, /^Preview "Web" of "e": metadata.name is "Web"/],
    ['web', { port: 0 }, /^Preview "web" of "e": spec.port is 0: wanted a number/],
    ['web', { port: 80, service: 'a.b' }, /^Preview "web" of "e": spec.service is "a.b"/],
  ])('Preview %s %j', (name, props, fault) => {
    const environment = new Environment(app(), 'e', { type: 'shared' })
    expect(faultsOf(() => new Preview(environment, name, props))).toContainEqual(expect.stringMatching(fault))
  })
  test.each<[PlatformProps, RegExp]>([
    [{ cluster: 'A' }, /cluster is "A"/],
    [{ relay: 'http://x' }, /relay is "http:\/\/x": wanted an address such as/],
    [{ relay: { domain: 'a_b' } }, /relay.domain is "a_b"/],
    [{ relay: { publicUrl: 'x' } }, /relay.publicUrl is "x"/],
    [{ relay: { nodePort: 1 } }, /relay.nodePort is 1, but relay.expose is not NodePort/],
    [{ relayToken: '' }, /relayToken is ""/],
  ])('Platform %j', (props, fault) => {
    expect(faultsOf(() => new Platform(app(), 'p', props))).toEqual([expect.stringMatching(fault)])
  })
  test('a workload and a preview outside an environment', () => {
    const chart = new Chart(app(), 'c')
    expect(faultsOf(() => new Workload(chart, 'w', { image: 'x' }))).toEqual([
      expect.stringMatching(/not in an environment/),
    ])
    expect(faultsOf(() => new Preview(chart, 'w', { port: 1 }))).toEqual([
      expect.stringMatching(/not in an environment/),
    ])
  })
  test('faults that involve several environments are thrown at synth', () => {
    const root = app()
    const a = new Environment(root, 'a', { type: 'branch', base: 'b' })
    new Environment(root, 'b', { type: 'branch', base: 'a' })
    expect(faultsOf(() => objects(a))).toEqual([
      expect.stringMatching(
        /^Environment "a" in namespace "a": spec.base "b" leads back to this environment \(a → b → a\)/,
      ),
      expect.stringMatching(/^Environment "b"/),
    ])
  })
  test('a base of another app is not a fault', () => {
    const root = app()
    const a = new Environment(root, 'a', { type: 'branch', base: 'elsewhere' })
    expect(faultsOf(() => objects(a))).toEqual([])
  })
})
