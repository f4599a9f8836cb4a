import { ANNOTATIONS, LABELS, SIDECAR_CONTAINER } from '@branchline/wire/names'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  hasSidecar,
  injectEnvironments,
  injectSidecar,
  injectSidecars,
  type Manifest,
  uninject,
} from '../inject.ts'
import { podTemplateOf, type PodTemplate, serviceSpecOf } from './manifest.ts'
import { deployment, OPTIONS as options, service, targets } from './objects.fixture.ts'

test('a workload and its Service go through the sidecar', () => {
  const { workload, services, findings } = injectSidecar(deployment('api'), [service('api')], options)
  const { metadata, spec } = podTemplateOf(workload) as PodTemplate
  const [sidecar] = spec?.initContainers ?? []
  const [app] = spec?.containers ?? []
  const [target] = targets(services[0]) ?? []
  expect(findings).toEqual([])
  expect(target).toMatch(/^branchline-\d{1,4}$/)
  expect(sidecar).toMatchObject({ name: SIDECAR_CONTAINER, restartPolicy: 'Always' })
  // Before Kubernetes 1.33, a Service does not find the name of a port of an init container.
  expect(app?.ports).toEqual([
    { name: 'web', containerPort: 8080 },
    { name: target, containerPort: 25001 },
  ])
  expect(sidecar?.ports).toEqual([{ name: 'branchline-adm', containerPort: 25000 }])
  expect(sidecar?.env).toContainEqual({ name: 'BRANCHLINE_INBOUND', value: '25001=8080/http' })
  expect(metadata?.annotations?.[ANNOTATIONS.inbound]).toBe('25001=8080/http')
  expect(metadata?.labels).toMatchObject({
    [LABELS.sidecar]: 'true',
    [LABELS.environment]: 'alice',
  })
  expect(spec?.dnsConfig).toEqual({ searches: ['baseline.svc.cluster.local'] })
  expect(app?.lifecycle).toEqual({ preStop: { sleep: { seconds: 5 } } })
})

test('a sidecar gets all addresses of its pod', () => {
  const { workload } = injectSidecar(deployment('api'), [service('api')], options)
  const [sidecar] = podTemplateOf(workload)?.spec?.initContainers ?? []
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })
  expect(sidecar?.env?.slice(-2)).toEqual([
    field('POD_IP', 'status.podIP'),
    field('POD_IPS', 'status.podIPs'),
  ])
})

const sidecarOf = (manifest?: Manifest) => podTemplateOf(manifest as Manifest)?.spec?.initContainers?.[0]

test('the hook of a sidecar runs in its container; one of an older release is replaced', () => {
  const manifests = injectSidecars([deployment('api'), service('api')], options).manifests
  // The sidecar refuses what comes from elsewhere, as an httpGet of the kubelet does.
  const preStop = { exec: { command: ['node', '-e', expect.any(String)] } }
  expect(sidecarOf(manifests[0])?.lifecycle).toEqual({ preStop })
  const old = structuredClone(manifests)
  Object.assign(sidecarOf(old[0]) ?? {}, {
    lifecycle: { preStop: { httpGet: { path: '/leave', port: 'branchline-adm' } } },
  })
  expect(injectSidecars(old, options).manifests).toEqual(manifests)
  expect(uninject(old)).toEqual(uninject(manifests))
})

test('each Service port has its own listener, and its name does not depend on the others', () => {
  const two = service('admin', { ports: [{ port: 81, targetPort: 8080, appProtocol: 'tcp' }] }, 'api')
  const both = injectSidecars([deployment('api'), service('api'), two], options).manifests
  const alone = injectSidecars([deployment('api'), service('api')], options).manifests
  expect(podTemplateOf(both[0] as Manifest)?.metadata?.annotations?.[ANNOTATIONS.inbound]).toBe(
    '25001=8080/tcp,25002=8080/http',
  )
  const target = (manifest?: Manifest) => serviceSpecOf(manifest as Manifest)?.ports?.[0]?.targetPort
  expect(target(both[1])).toBe(target(alone[1]))
  expect(target(both[1])).not.toBe(target(both[2]))
})

test('a sidecar never uses a port of the app', () => {
  const containers = [{ name: 'app', ports: [{ name: 'web', containerPort: 25001 }] }]
  const { workload } = injectSidecar(deployment('api', { containers }), [service('api')], options)
  expect(podTemplateOf(workload)?.metadata?.annotations?.[ANNOTATIONS.inbound]).toBe('25002=25001/http')
})

test('a sidecar never uses a targetPort, even if the container does not declare it', () => {
  const ports = [
    { name: 'one', port: 80, targetPort: 8080 },
    { name: 'two', port: 81, targetPort: 25001 },
  ]
  const { workload } = injectSidecar(
    deployment('api', { containers: [{ name: 'app' }] }),
    [service('api', { ports })],
    options,
  )
  expect(podTemplateOf(workload)?.metadata?.annotations?.[ANNOTATIONS.inbound]).toBe(
    '25002=8080/auto,25003=25001/auto',
  )
})

test('a workload without a Service gets only the search list and the label', () => {
  const { workload } = injectSidecar(deployment('job'), [], options)
  expect(hasSidecar(workload)).toBe(false)
  expect(podTemplateOf(workload)?.spec?.dnsConfig?.searches).toEqual(['baseline.svc.cluster.local'])
})

describe('objects that are not routed have a finding', () => {
  const cases: [string, Manifest[], RegExp][] = [
    [
      'headless',
      [deployment('db'), service('db', { clusterIP: 'None' })],
      /is headless .*; add a Service with a cluster IP/,
    ],
    [
      'hostNetwork',
      [deployment('a', { hostNetwork: true }), service('a')],
      /hostNetwork: its ports belong to the node.* remove hostNetwork/,
    ],
    [
      'disabled',
      [deployment('a', {}, { annotations: { [ANNOTATIONS.inject]: 'disabled' } }), service('a')],
      /not routed, because the pod template of Deployment "a" says .*"disabled"; remove that/,
    ],
    [
      'a single pod',
      [
        deployment('db'),
        service('db', { selector: { app: 'db', 'statefulset.kubernetes.io/pod-name': 'db-0' } }),
      ],
      /selects a single pod by statefulset.kubernetes.io\/pod-name: .* a Service of all pods/,
    ],
    ['no selector', [service('a', { selector: undefined })], /has no spec.selector/],
    ['no workload', [service('a')], /selects no workload of these manifests/],
    [
      'udp',
      [deployment('a'), service('a', { ports: [{ port: 53, protocol: 'UDP' }] })],
      /Service "a" has 53\/UDP: only TCP is routed/,
    ],
    [
      'a named port that is not there',
      [deployment('a'), service('a', { ports: [{ port: 80, targetPort: 'grpc' }] })],
      /targetPort "grpc" names no containerPort of Deployment "a"/,
    ],
    [
      "the admin port's number",
      [deployment('a', { containers: [{ name: 'a', ports: [{ containerPort: 25000 }] }] }), service('a')],
      /whose port 25000 is the sidecar's admin port/,
    ],
    [
      'too many ports',
      [
        deployment('a'),
        service('a', { ports: Array.from({ length: 65 }, (_, i) => ({ port: 100 + i, name: `p${i}` })) }),
      ],
      /one Service port too many .* serves at most 64/,
    ],
  ]
  cases.push([
    'a target that is the admin port',
    [
      deployment('a', { containers: [{ name: 'a' }] }),
      service('a', { ports: [{ port: 80, targetPort: 25000 }] }),
    ],
    /selects Deployment "a", whose port 25000 is the sidecar's admin port/,
  ])
  test.each(cases)('%s', (_, manifests, message) => {
    const { findings } = injectSidecars(manifests, options)
    expect(findings.map((finding) => finding.message)).toEqual([expect.stringMatching(message)])
  })

  test('a Service that is not routed stays unchanged', () => {
    const manifests = [deployment('db'), service('db', { clusterIP: 'None' })]
    expect(injectSidecars(manifests, options).manifests[1]).toEqual(manifests[1])
  })
})

const name = fc.constantFrom('a', 'b', 'c')
const anyDeployment = fc
  .record({
    name,
    init: fc.boolean(),
    searches: fc.subarray(['baseline.svc.cluster.local', 'corp.example']),
    preStop: fc.boolean(),
    hostNetwork: fc.boolean(),
    labels: fc.subarray([LABELS.environment, 'tier']),
    bare: fc.boolean(),
  })
  .map(({ name, init, searches, preStop, hostNetwork, labels, bare }) => {
    const manifest = deployment(name, {
      ...(init ? { initContainers: [{ name: 'migrate', image: 'x' }] } : {}),
      ...(searches.length > 0 ? { dnsConfig: { searches } } : {}),
      ...(hostNetwork ? { hostNetwork } : {}),
      containers: [
        {
          name: 'app',
          ports: [{ name: 'web', containerPort: 8080 }],
          ...(preStop ? { lifecycle: { preStop: { exec: {} } } } : {}),
        },
        { name: 'other', image: 'y' },
      ],
    })
    const metadata = podTemplateOf(manifest)?.metadata
    for (const label of labels) Object.assign(metadata?.labels ?? {}, { [label]: 'mine' })
    if (!bare) Object.assign(metadata ?? {}, { annotations: { note: 'kept' } })
    return manifest
  })
const anyService = fc
  .record({
    name,
    app: name,
    ports: fc.array(fc.constantFrom(8080, 'web', 'none', undefined), { maxLength: 4 }),
    headless: fc.boolean(),
  })
  .map(({ name, app, ports, headless }) =>
    service(
      name,
      {
        ...(headless ? { clusterIP: 'None' } : {}),
        ports: ports.map((targetPort, index) => ({
          port: 80 + index,
          ...(targetPort === undefined ? {} : { targetPort }),
        })),
      },
      app,
    ),
  )
const anyManifests = fc.array(
  fc.oneof(
    anyDeployment,
    anyService,
    fc.constant({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c' },
      data: { a: '1' },
    }),
  ),
  { maxLength: 8 },
)

test('a second injection changes nothing, and uninject undoes everything', () => {
  fc.assert(
    fc.property(anyManifests, (manifests) => {
      const before = structuredClone(manifests)
      const once = injectSidecars(manifests, options).manifests
      expect(manifests).toEqual(before)
      expect(injectSidecars(once, options).manifests).toEqual(once)
      expect(injectSidecars(once, { ...options, keepSidecars: true }).manifests).toEqual(once)
      expect(uninject(once)).toEqual(before)
    }),
  )
})

describe('the manifests of a platform', () => {
  const environment = (name: string, base?: string): Manifest => ({
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name, namespace: name },
    spec: base === undefined ? { type: 'shared' } : { type: 'branch', base },
  })
  const chain = [environment('baseline'), environment('bob', 'baseline'), environment('alice', 'bob')]

  test('a branch searches the environments above it, nearest first', () => {
    const { manifests } = injectEnvironments([...chain, deployment('api'), service('api')])
    expect(podTemplateOf(manifests[3] as Manifest)?.spec?.dnsConfig?.searches).toEqual([
      'bob.svc.cluster.local',
      'baseline.svc.cluster.local',
    ])
  })

  test('complete manifests pass unchanged, and sidecars with other options keep them', () => {
    const made = injectSidecars([deployment('api'), service('api')], {
      ...options,
      above: ['bob', 'baseline'],
      preStopSeconds: 0,
      sidecar: { image: 'mirror/sidecar:2' },
    }).manifests
    const first = injectEnvironments([...chain, ...made])
    expect(first.manifests.slice(3)).toEqual(made)
    const second = injectEnvironments([...chain, ...made, deployment('web'), service('web')])
    const image = (manifest?: Manifest) =>
      podTemplateOf(manifest as Manifest)?.spec?.initContainers?.[0]?.['image']
    expect(image(second.manifests[3])).toBe('mirror/sidecar:2')
    expect(image(second.manifests[5])).toMatch(/branchline\/sidecar:/)
  })

  test('other namespaces pass unchanged', () => {
    const foreign = { ...deployment('x'), metadata: { name: 'x', namespace: 'other' } }
    expect(injectEnvironments([...chain, foreign]).manifests[3]).toBe(foreign)
  })
})

describe('settings', () => {
  const variables = (manifest: Manifest | undefined): Record<string, string | undefined> =>
    Object.fromEntries(
      (podTemplateOf(manifest as Manifest)?.spec?.initContainers?.[0]?.env ?? []).map(({ name, value }) => [
        name,
        value,
      ]),
    )
  const annotated = (annotations: Record<string, string>) => [
    deployment('api', {}, { labels: { app: 'api' }, annotations }),
    service('api'),
  ]
  const TIMEOUT = 'branchline.dev/response-timeout'

  test('annotations become variables of the sidecar, and take precedence over common settings', () => {
    const settings = { 'response-timeout': '1m', 'head-bytes': '64Ki' }
    const [api] = injectSidecars(annotated({ [TIMEOUT]: '10m' }), {
      ...options,
      sidecar: { settings },
    }).manifests
    expect(variables(api)).toMatchObject({
      BRANCHLINE_RESPONSE_TIMEOUT_MS: '600000',
      BRANCHLINE_HEAD_BYTES: '65536',
    })
  })

  test('an entry domain becomes a variable, also after a change', () => {
    const ENTRY = 'branchline.dev/entry-domain'
    const [api] = injectSidecars(annotated({ [ENTRY]: 'Shop.example.com' }), options).manifests
    expect(variables(api)).toMatchObject({ BRANCHLINE_ENTRY_DOMAIN: 'shop.example.com' })
    const wrong = injectSidecars(annotated({ [ENTRY]: '*.shop.example.com' }), options)
    expect(wrong.findings[0]?.message).toMatch(
      /entry-domain is "\*\.shop\.example\.com": wanted a domain such as/,
    )
    expect(variables(wrong.manifests[0])).not.toHaveProperty('BRANCHLINE_ENTRY_DOMAIN')
  })

  test('uninject keeps the annotation, and removes the sidecar with its variables, byte for byte', () => {
    const before = annotated({ [TIMEOUT]: '10m' })
    const { manifests } = injectSidecars(before, options)
    expect(podTemplateOf(manifests[0] as Manifest)?.metadata?.annotations?.[TIMEOUT]).toBe('10m')
    expect(injectSidecars(manifests, options).manifests).toEqual(manifests)
    expect(JSON.stringify(uninject(manifests))).toBe(JSON.stringify(before))
  })

  test('a kept sidecar follows changed annotations, and keeps its other variables', () => {
    const environment = {
      apiVersion: 'branchline.dev/v1alpha1',
      kind: 'Environment',
      metadata: { name: 'alice', namespace: 'alice' },
      spec: { type: 'shared' },
    }
    const inject = (manifests: readonly Manifest[]) => injectEnvironments(manifests).manifests
    const first = inject([environment, ...annotated({ [TIMEOUT]: '10m' })])
    const template = podTemplateOf(first[1] as Manifest) as PodTemplate
    template.spec?.initContainers?.[0]?.env?.push({ name: 'BRANCHLINE_HEAD_BYTES', value: '50000' })
    Object.assign(template.metadata?.annotations ?? {}, { [TIMEOUT]: '20m' })
    const second = inject(first)
    expect(variables(second[1])).toMatchObject({
      BRANCHLINE_RESPONSE_TIMEOUT_MS: '1200000',
      BRANCHLINE_HEAD_BYTES: '50000',
    })
    delete podTemplateOf(second[1] as Manifest)?.metadata?.annotations?.[TIMEOUT]
    const third = inject(second)
    expect(variables(third[1])).not.toHaveProperty('BRANCHLINE_RESPONSE_TIMEOUT_MS')
    expect(variables(third[1])).toMatchObject({ BRANCHLINE_HEAD_BYTES: '50000' })
    expect(inject(third)).toEqual(third)
  })

  test.each([
    [
      { [TIMEOUT]: '10' },
      /branchline.dev\/response-timeout is "10": wanted a time such as 90s, 10m or 1h30m, from 100ms to/,
    ],
    [{ [TIMEOUT]: '2h' }, /response-timeout is "2h": wanted .* to 70m/],
    [
      { 'branchline.dev/respnse-timeout': '1m' },
      /respnse-timeout is not a setting of a sidecar: wanted one of response-timeout/,
    ],
    [{ 'branchline.dev/links': '1' }, /links is not a setting of a sidecar/],
  ])('%j is a finding, and is left out', (annotations, message) => {
    const { findings, manifests } = injectSidecars(annotated(annotations), options)
    expect(findings).toMatchObject([{ kind: 'Deployment', name: 'api', reason: 'BadSetting' }])
    expect(findings[0]?.message).toMatch(message)
    expect(variables(manifests[0])).not.toHaveProperty('BRANCHLINE_RESPONSE_TIMEOUT_MS')
  })

  test('other annotations are not settings', () => {
    const others = { 'branchline.dev/weight': '3', 'branchline.dev/local-dir': '.', 'example.com/x': '1' }
    expect(injectSidecars(annotated(others), options).findings).toEqual([])
  })
})

test('empty search domains and a null hook are there again after uninject', () => {
  const bare = deployment('a', { dnsConfig: { searches: [] } })
  const [container] = podTemplateOf(bare)?.spec?.containers ?? []
  if (container !== undefined) container.lifecycle = { preStop: null }
  const once = injectSidecars([bare, service('a')], options).manifests
  expect(uninject(once)[0]).toEqual(bare)
  expect(injectSidecars(once, options).manifests).toEqual(once)
})
