import { describe, expect, test } from 'vitest'
import { jobTemplateOf, type Manifest } from './manifest.ts'
import {
  deployment,
  findings,
  inject,
  object,
  service,
  sidecar,
  targets,
  template,
} from './objects.fixture.ts'
import { injectEnvironments } from './environments.ts'
import { uninject } from './uninject.ts'

const INJECT = 'branchline.dev/inject'
const labels = { app: 'api' }
const container = { name: 'app', image: 'x', ports: [{ name: 'web', containerPort: 8080 }] }
const pod = (metadata: object, spec: object = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'test', namespace: 'alice', labels, ...metadata },
  spec: { containers: [{ name: 'wget', image: 'x' }], ...spec },
})
const SEARCHES = ['baseline.svc.cluster.local']

describe('pods that do not serve', () => {
  test.each([
    ['a hook of Helm', pod({ annotations: { 'helm.sh/hook': 'test' } })],
    ['a hook of Argo CD', pod({ annotations: { 'argocd.argoproj.io/hook': 'PostSync' } })],
    ['a pod that runs to its end', pod({}, { restartPolicy: 'Never' })],
    ['a pod that has ended', { ...pod({}), status: { phase: 'Succeeded' } }],
  ])('%s does not decide about a Service', (_, test) => {
    const manifests = [deployment('api'), service('api'), test]
    expect(findings(manifests)).toEqual([])
    const [api, rewired, other] = inject(manifests)
    expect(sidecar(api)).toBeDefined()
    expect(targets(rewired)).toEqual([expect.stringMatching(/^branchline-/)])
    expect(sidecar(other)).toBeUndefined()
    expect(template(other).spec?.dnsConfig?.searches).toEqual(SEARCHES)
  })

  test('a pod that runs to its end is injected if the Service selects nothing else', () => {
    const alone = pod({}, { restartPolicy: 'Never', containers: [container] })
    expect(sidecar(inject([alone, service('api')])[0])).toBeDefined()
  })
})

describe('Jobs and CronJobs', () => {
  const podSpec = { restartPolicy: 'Never', containers: [{ name: 'migrate', image: 'x' }] }
  const job = object('batch/v1', 'Job', 'migrate', { spec: { template: { spec: podSpec } } })
  const cron = object('batch/v1', 'CronJob', 'nightly', {
    spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template: { spec: podSpec } } } },
  })

  test('of a branch search the environments above, and nothing else', () => {
    const [one, two] = inject([job, cron])
    for (const manifest of [one, two]) {
      expect(jobTemplateOf(manifest as Manifest)).toEqual({
        metadata: {
          annotations: { 'branchline.dev/injected': expect.stringContaining('searches') as string },
        },
        spec: { ...podSpec, dnsConfig: { searches: SEARCHES } },
      })
    }
    expect(inject([one as Manifest, two as Manifest])).toEqual([one, two])
    expect(uninject([one as Manifest, two as Manifest])).toEqual([job, cron])
  })

  test('of an environment without a base stay as they are', () => {
    expect(inject([job, cron], { above: [] })).toEqual([job, cron])
  })
})

test('ReplicationControllers and Rollouts are injected', () => {
  const spec = { template: { metadata: { labels }, spec: { containers: [container] } } }
  for (const [apiVersion, kind] of [
    ['v1', 'ReplicationController'],
    ['argoproj.io/v1alpha1', 'Rollout'],
  ] as const) {
    const manifests = [object(apiVersion, kind, 'api', { spec }), service('api')]
    expect(sidecar(inject(manifests)[0])).toBeDefined()
    expect(uninject(inject(manifests))).toEqual(manifests)
  }
})

test.each([
  ['its operating system', { os: { name: 'windows' } }],
  ['its nodes', { nodeSelector: { 'kubernetes.io/os': 'windows' } }],
])('a workload on Windows by %s is left alone', (_, spec) => {
  const manifests = [deployment('api', spec), service('api')]
  expect(inject(manifests)).toEqual(manifests)
  expect(findings(manifests)).toEqual([
    expect.stringMatching(/^Windows: Service "api" selects Deployment "api", whose pods run on Windows/),
  ])
})

describe('a workload that wants no sidecar', () => {
  const off = (value = 'false') => ({ annotations: { [INJECT]: value } })
  const namespace = (metadata: object): Manifest => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'alice', ...metadata },
  })
  const withMetadata = (manifest: Manifest, more: object): Manifest => ({
    ...manifest,
    metadata: { ...manifest.metadata, ...more },
  })
  test.each([
    [
      'on the pod template',
      'the pod template of Deployment "api"',
      [deployment('api', {}, { labels, ...off() })],
    ],
    [
      'as "disabled"',
      'the pod template of Deployment "api"',
      [deployment('api', {}, { labels, ...off('disabled') })],
    ],
    [
      'as a label',
      'the pod template of Deployment "api"',
      [deployment('api', {}, { labels: { ...labels, [INJECT]: 'false' } })],
    ],
    ['on the workload', 'Deployment "api"', [withMetadata(deployment('api'), off())]],
    ['on the namespace', 'Namespace "alice"', [deployment('api'), namespace(off())]],
    [
      'as a label of the namespace',
      'Namespace "alice"',
      [deployment('api'), namespace({ labels: { [INJECT]: 'disabled' } })],
    ],
  ])('says so %s', (_, who, workloads) => {
    const manifests = [...workloads, service('api')]
    expect(inject(manifests)).toEqual(manifests)
    expect(findings(manifests)).toEqual([
      `Disabled: Service "api" is not routed, because ${who} says branchline.dev/inject: "false" or "disabled"; ` +
        'remove that to inject a sidecar',
    ])
  })

  test('what is nearer to the pod decides', () => {
    const manifests = [deployment('api', {}, { labels, ...off('true') }), service('api'), namespace(off())]
    expect(sidecar(inject(manifests)[0])).toBeDefined()
  })

  test('a Service may want to lead to the app directly', () => {
    const direct = withMetadata(service('direct', {}, 'api'), off())
    const manifests = [deployment('api'), service('api'), direct]
    expect(inject(manifests)[2]).toEqual(direct)
    expect(findings(manifests)).toEqual([
      expect.stringMatching(/^Disabled: Service "direct" is not routed, because Service "direct" says/),
    ])
  })

  test('a value that means nothing is a fault', () => {
    const manifests = [withMetadata(deployment('api'), off('flase')), service('api')]
    expect(findings(manifests)).toEqual([
      'BadSetting: branchline.dev/inject is "flase": wanted "true" or "false"',
    ])
  })

  test('applies to the Namespace object of an environment', () => {
    const environment = object('branchline.dev/v1alpha1', 'Environment', 'alice', {
      spec: { type: 'shared' },
    })
    const manifests = [environment, deployment('api'), service('api'), namespace(off())]
    expect(injectEnvironments(manifests).manifests).toEqual(manifests)
  })
})

describe('the preStop hook fits the grace period', () => {
  const preStop = (spec: object, options = {}) =>
    template(inject([deployment('api', spec as Record<string, unknown>), service('api')], options)[0]).spec
      ?.containers?.[0]?.lifecycle?.preStop
  test.each([
    [undefined, 5],
    [30, 5],
    [10, 5],
    [5, 2],
    [2, 1],
    [1, undefined],
    [0, undefined],
  ])('of %s s: %s s', (grace, seconds) => {
    const spec = grace === undefined ? {} : { terminationGracePeriodSeconds: grace }
    expect(preStop(spec)).toEqual(seconds === undefined ? undefined : { sleep: { seconds } })
  })
  test('if it is longer by option as well', () => {
    expect(preStop({ terminationGracePeriodSeconds: 20 }, { preStopSeconds: 15 })).toEqual({
      sleep: { seconds: 10 },
    })
  })
})

describe('an Environment whose namespace has no workload', () => {
  const environment = object('branchline.dev/v1alpha1', 'Environment', 'base', { spec: { type: 'shared' } })
  const homeless = (manifest: Manifest): Manifest => {
    const { namespace: _, ...metadata } = manifest.metadata
    return { ...manifest, metadata }
  }
  test('says so if objects name no namespace', () => {
    const { manifests, findings } = injectEnvironments([
      environment,
      homeless(deployment('a')),
      homeless(service('a')),
    ])
    expect(manifests[1]).toEqual(homeless(deployment('a')))
    expect(findings).toMatchObject([{ kind: 'Environment', name: 'base', reason: 'NothingInNamespace' }])
    expect(findings[0]?.message).toMatch(
      /"alice" .* 2 workloads and Services name no namespace.* --environment base$/,
    )
  })
  test('takes them in the namespace "default", where kubectl puts them', () => {
    const ofDefault = { ...environment, metadata: { name: 'base', namespace: 'default' } }
    const app = [homeless(deployment('a')), homeless(service('a'))]
    const { manifests, findings } = injectEnvironments([ofDefault, ...app])
    expect(findings).toEqual([])
    expect(sidecar(manifests[1])).toBeDefined()
    expect(targets(manifests[2])).toEqual([expect.stringMatching(/^branchline-/)])
  })
  test('is fine otherwise', () => {
    expect(injectEnvironments([environment]).findings).toEqual([])
    expect(injectEnvironments([environment, deployment('a'), homeless(deployment('b'))]).findings).toEqual([])
  })
})

test('null means absent, and is there again afterwards', () => {
  const spec = { initContainers: null, volumes: [], dnsConfig: null }
  const empty = { name: 'app', image: 'x', ports: null, lifecycle: {} }
  const api = deployment('api', { ...spec, containers: [empty] }, { labels, annotations: null })
  const web = service('api', { ports: [{ port: 80 }] })
  const annotated = { ...web, metadata: { ...web.metadata, annotations: {} } }
  const manifests = [api, annotated, { ...deployment('b'), spec: null }, { ...service('c'), spec: null }]
  const once = inject(manifests)
  expect(sidecar(once[0])).toBeDefined()
  expect(inject(once)).toEqual(once)
  expect(uninject(once)).toEqual(manifests)
})
