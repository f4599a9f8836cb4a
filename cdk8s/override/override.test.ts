import { describe, expect, test } from 'vitest'
import type { Manifest } from '../inject/manifest.ts'
import { injectSidecars } from '../inject/apply.ts'
import type { ContainerChanges, OverrideChanges } from './changes.ts'
import { type OverridePlan, planOverride } from './plan.ts'

const container = (name: string, more: object = {}): object => ({ name, image: `shop/${name}:1`, ...more })

function deployment(name: string, namespace: string | undefined, spec: object, more: object = {}): Manifest {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, ...(namespace !== undefined && { namespace }), ...more },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec },
    },
  }
}

const service = (name: string, namespace: string | undefined, spec: object = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, ...(namespace !== undefined && { namespace }) },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
})

const object = (kind: string, name: string, more: object = {}): Manifest => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'baseline' },
  ...more,
})

const shop = [
  deployment('pricing', 'baseline', { containers: [container('pricing', { args: ['--fast'] })] }),
  service('pricing', 'baseline'),
  deployment('orders', 'baseline', { containers: [container('orders')] }),
  service('orders', 'baseline'),
]

const plan = (
  manifests: readonly Manifest[],
  changes: OverrideChanges = {},
  more: Partial<Parameters<typeof planOverride>[1]> = {},
): OverridePlan =>
  planOverride(manifests, { name: 'pricing', namespace: 'alice', namespaces: ['baseline'], changes, ...more })

const outline = ({ manifests }: OverridePlan): string[] =>
  manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)

interface Pods {
  replicas?: number
  template: { metadata: { annotations?: object }; spec: { containers: Record<string, unknown>[] } }
}
const podsOf = ({ manifests }: OverridePlan): Pods => manifests[0]?.spec as Pods
const firstOf = (planned: OverridePlan) => podsOf(planned).template.spec.containers[0]

test('a workload and its Service come to the branch, and only the image differs', () => {
  const planned = plan(shop, { image: 'shop/pricing:pr-7' })
  expect(planned).toMatchObject({ faults: [], notes: [] })
  expect(outline(planned)).toEqual(['Deployment alice/pricing', 'Service alice/pricing'])
  const expected = structuredClone(shop[0] as Manifest) as Manifest & { spec: Pods }
  expected.metadata.namespace = 'alice'
  ;(expected.spec.template.spec.containers[0] as { image: string }).image = 'shop/pricing:pr-7'
  expect(planned.manifests[0]).toEqual(expected)
})

describe('changes', () => {
  const base = [
    deployment('pricing', 'baseline', {
      containers: [
        container('pricing', {
          command: ['serve'],
          args: ['--fast'],
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '$(A)' },
            { name: 'C', value: '3' },
          ],
          resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '1Gi' } },
        }),
      ],
    }),
  ]
  test('of variables keep the order, add, and remove', () => {
    const env: ContainerChanges['env'] = { A: 2, C: null, D: { secret: 's', key: 'k' }, E: true }
    expect(firstOf(plan(base, { env }))?.['env']).toEqual([
      { name: 'A', value: '2' },
      { name: 'B', value: '$(A)' },
      { name: 'D', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      { name: 'E', value: 'true' },
    ])
  })
  test('of the command remove arguments that belong to the old one', () => {
    expect(firstOf(plan(base, { command: ['debug'] }))).toMatchObject({ command: ['debug'] })
    expect(firstOf(plan(base, { command: ['debug'] }))).not.toHaveProperty('args')
    expect(firstOf(plan(base, { args: ['--slow'] }))).toMatchObject({ command: ['serve'], args: ['--slow'] })
  })
  test('of resources concern single amounts', () => {
    const resources = { requests: { cpu: null }, limits: { memory: '2Gi' } }
    expect(firstOf(plan(base, { resources }))?.['resources']).toEqual({
      requests: { memory: '1Gi' },
      limits: { memory: '2Gi' },
    })
  })
  test('of replicas, annotations and the local command', () => {
    const local = { command: ['node', 'main.ts'], dir: '../pricing' }
    const planned = plan(base, { replicas: 1, annotations: { 'a/b': 'c' }, local })
    expect(podsOf(planned).replicas).toBe(1)
    expect(podsOf(plan(base)).replicas).toBe(3)
    expect(podsOf(planned).template.metadata.annotations).toEqual({
      'a/b': 'c',
      'branchline.dev/local-command': '["node","main.ts"]',
      'branchline.dev/local-dir': '../pricing',
    })
  })
  test.each<[OverrideChanges, RegExp]>([
    [{ image: undefined }, /^image is missing/],
    [{ image: 'shop/pricing:undefined' }, /^image is "shop\/pricing:undefined": a part of it is not set/],
    [{ env: { A: undefined as unknown as string } }, /^env.A is undefined: wanted a text/],
    [{ replicas: -1 }, /^replicas is -1: wanted a whole number/],
    [{ command: 'x' as unknown as string[] }, /^command is "x": wanted a list of texts/],
    [
      { container: 'web', image: 'x' },
      /^container has "web", which is not a container .*: use one of pricing$/,
    ],
    [{ containers: { web: {} } }, /^containers has "web"/],
    [{ containers: { pricing: { image: '' } } }, /^containers.pricing.image is ""/],
  ])('%j is a fault', (changes, fault) => {
    expect(plan(base, changes).faults).toEqual([expect.stringMatching(fault)])
  })
})

describe('a pod with several containers', () => {
  const pods = (names: string[], annotations = {}) => [
    {
      ...deployment('pricing', 'baseline', {}),
      spec: {
        selector: { matchLabels: { app: 'pricing' } },
        template: {
          metadata: { labels: { app: 'pricing' }, annotations },
          spec: { containers: names.map((name) => container(name)), initContainers: [container('migrate')] },
        },
      },
    },
  ]
  const images = (planned: OverridePlan) => podsOf(planned).template.spec.containers.map(({ image }) => image)
  test('changes the one with the name of the workload', () => {
    expect(images(plan(pods(['proxy', 'pricing']), { image: 'x:2' }))).toEqual(['shop/proxy:1', 'x:2'])
  })
  test('changes the one that kubectl also takes', () => {
    const annotations = { 'kubectl.kubernetes.io/default-container': 'app' }
    expect(images(plan(pods(['proxy', 'app'], annotations), { image: 'x:2' }))).toEqual([
      'shop/proxy:1',
      'x:2',
    ])
  })
  test('names the candidates if it is not clear, and takes a given one', () => {
    expect(plan(pods(['proxy', 'app']), { image: 'x:2' }).faults).toEqual([
      'it has several containers (proxy, app): name the one to change with container',
    ])
    expect(images(plan(pods(['proxy', 'app']), { image: 'x:2', container: 'app' }))).toEqual([
      'shop/proxy:1',
      'x:2',
    ])
    const planned = plan(pods(['proxy', 'app']), {
      containers: { proxy: { image: 'p:2' }, migrate: { image: 'm:2' } },
    })
    expect(images(planned)).toEqual(['p:2', 'shop/app:1'])
    expect(planned.faults).toEqual([])
  })
})

describe('the workload', () => {
  test('is found by the name of its Service', () => {
    const manifests = [deployment('pricing-v1', 'baseline', { containers: [container('a')] })]
    const selector = { app: 'pricing-v1' }
    const planned = plan([...manifests, service('pricing', 'baseline', { selector })], { image: 'a:2' })
    expect(outline(planned)).toEqual(['Deployment alice/pricing-v1', 'Service alice/pricing'])
  })
  test('is that of the nearest environment, and never the one of the branch', () => {
    const at = (namespace: string) => deployment('pricing', namespace, { containers: [container(namespace)] })
    const all = [at('baseline'), at('alice'), at('team')]
    expect(firstOf(plan(all, {}, { namespaces: ['team', 'baseline'] }))?.['name']).toBe('team')
    expect(firstOf(plan(all))?.['name']).toBe('baseline')
  })
  test('may be in a folder that names no namespace, or another one', () => {
    for (const namespace of [undefined, 'shop']) {
      const folder = [
        deployment('pricing', namespace, { containers: [container('a')] }),
        service('pricing', namespace),
      ]
      expect(outline(plan(folder))).toEqual(['Deployment alice/pricing', 'Service alice/pricing'])
    }
    const twice = ['one', 'two'].map((namespace) => deployment('pricing', namespace, { containers: [] }))
    expect(plan(twice).faults).toEqual([
      '"pricing" is in several namespaces (one, two), and none of them is above the branch: use the environment of one of them as the base',
    ])
  })
  test('that does not exist is a fault with a suggestion', () => {
    expect(plan(shop, {}, { name: 'pricng' }).faults).toEqual([
      'the base has no workload or Service "pricng": did you mean "pricing"?',
    ])
    expect(plan(shop, {}, { name: 'search' }).faults).toEqual([
      'the base has no workload or Service "search": use one of orders, pricing',
    ])
    expect(plan([], {}).faults).toEqual(['the base has no workload: pass its manifests'])
  })
  test('that is not unique is a fault', () => {
    const canary = deployment('canary', 'baseline', { containers: [container('a')] })
    ;(canary.spec as { template: { metadata: object } }).template.metadata = { labels: { app: 'all' } }
    const stable = structuredClone(canary)
    stable.metadata.name = 'stable'
    const both = [canary, stable, service('pricing', 'baseline', { selector: { app: 'all' } })]
    expect(plan(both).faults).toEqual([
      '"pricing" means Deployment canary and Deployment stable: use a name that only one workload has',
    ])
  })
})

test('a Service loses what belongs to the original alone', () => {
  const exposed = service('pricing', 'baseline', {
    type: 'LoadBalancer',
    clusterIP: '10.0.0.7',
    clusterIPs: ['10.0.0.7'],
    externalTrafficPolicy: 'Local',
    loadBalancerIP: '1.2.3.4',
    ports: [{ port: 80, nodePort: 30080, targetPort: 'http' }],
  })
  exposed.metadata.annotations = {
    'external-dns.alpha.kubernetes.io/hostname': 'shop.example.com',
    'team.example.com/owner': 'shop',
  }
  exposed['status'] = { loadBalancer: {} }
  const planned = plan([
    shop[0] as Manifest,
    exposed,
    service('peers', 'baseline', { clusterIP: 'None', selector: { app: 'pricing' } }),
  ])
  expect(planned.manifests.slice(1)).toEqual([
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'pricing', namespace: 'alice', annotations: { 'team.example.com/owner': 'shop' } },
      spec: { selector: { app: 'pricing' }, ports: [{ port: 80, targetPort: 'http' }] },
    },
    expect.objectContaining({ spec: expect.objectContaining({ clusterIP: 'None' }) as object }),
  ])
})

test('metadata of a live object does not come along', () => {
  const live = structuredClone(shop[0] as Manifest)
  Object.assign(live.metadata, {
    uid: 'u',
    resourceVersion: '7',
    generation: 2,
    ownerReferences: [{}],
    managedFields: [{}],
    annotations: {
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      'deployment.kubernetes.io/revision': '4',
      'meta.helm.sh/release-name': 'shop',
    },
  })
  expect(plan([live]).manifests[0]?.metadata).toEqual({ name: 'pricing', namespace: 'alice' })
})

describe('what pods name', () => {
  const pods = deployment('pricing', 'baseline', {
    serviceAccountName: 'pricer',
    imagePullSecrets: [{ name: 'registry' }],
    containers: [
      container('pricing', {
        envFrom: [{ configMapRef: { name: 'flags', optional: true } }, { secretRef: { name: 'token' } }],
        env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'a' } } }],
      }),
    ],
    initContainers: [
      container('migrate', {
        env: [{ name: 'DB', valueFrom: { secretKeyRef: { name: 'db', key: 'p' } } }],
      }),
    ],
    volumes: [
      { name: 'a', configMap: { name: 'files' } },
      { name: 'b', persistentVolumeClaim: { claimName: 'data' } },
      {
        name: 'c',
        projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }, { secret: { name: 'tls' } }] },
      },
    ],
  })
  test('comes along if the manifests have it', () => {
    const planned = plan([
      pods,
      object('ConfigMap', 'settings', { data: { a: '1' } }),
      object('ConfigMap', 'unrelated'),
      object('ConfigMap', 'files'),
      object('Secret', 'db', { stringData: { p: 'x' } }),
      object('ServiceAccount', 'pricer', {
        secrets: [{ name: 'pricer-token' }],
        imagePullSecrets: [{ name: 'pull' }],
      }),
      object('PersistentVolumeClaim', 'data', { spec: { volumeName: 'pv-1', accessModes: [] } }),
      {
        ...object('ExternalSecret', 'tls-of-vault'),
        apiVersion: 'external-secrets.io/v1',
        spec: { target: { name: 'tls' }, secretStoreRef: { kind: 'ClusterSecretStore', name: 'vault' } },
      },
    ])
    expect(outline(planned).toSorted()).toEqual([
      'ConfigMap alice/files',
      'ConfigMap alice/settings',
      'Deployment alice/pricing',
      'ExternalSecret alice/tls-of-vault',
      'PersistentVolumeClaim alice/data',
      'Secret alice/db',
      'ServiceAccount alice/pricer',
    ])
    const find = (kind: string) => planned.manifests.find((it) => it.kind === kind)
    expect(find('ServiceAccount')).not.toHaveProperty('secrets')
    expect(find('PersistentVolumeClaim')?.spec).toEqual({ accessModes: [] })
    expect(planned.notes).toEqual([
      'Deployment "pricing" needs the Secret "token", which is not among the manifests, and pods of "alice" cannot use that of "baseline": create it in "alice"',
      'Deployment "pricing" needs the PersistentVolumeClaim "data": its copy in "alice" starts as an empty volume',
      expect.stringContaining('needs the Secret "registry"'),
      expect.stringContaining('needs the Secret "pull"'),
    ])
  })
  test('is noted otherwise, unless the pods start without it', () => {
    const { notes, manifests } = plan([pods])
    expect(manifests).toHaveLength(1)
    const named = notes.map((note) => /needs the (\w+ "[\w.-]+")/.exec(note)?.[1])
    expect(new Set(named)).toEqual(
      new Set([
        'ConfigMap "files"',
        'ConfigMap "settings"',
        'PersistentVolumeClaim "data"',
        'Secret "db"',
        'Secret "registry"',
        'Secret "tls"',
        'Secret "token"',
        'ServiceAccount "pricer"',
      ]),
    )
  })
})

test('the sidecar of the base does not come along, and the input stays as it is', () => {
  const { manifests } = injectSidecars(shop, { environment: 'baseline' })
  const before = structuredClone(manifests)
  expect(plan(manifests, { image: 'x:2' }).manifests).toEqual(plan(shop, { image: 'x:2' }).manifests)
  expect(manifests).toEqual(before)
})
