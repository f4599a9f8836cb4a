import fc from 'fast-check'
import { PLATFORM_VALUES as V, type PlatformValues } from './values.ts'

/** Texts that YAML, Go templates or printf would each read as something else. */
const TEXTS = [
  'plain',
  'two words',
  '"quoted" and \'so\'',
  '{{ .Values.cluster }}',
  '}} {{- end }}',
  '%s %d 100%',
  'key: value # none',
  'true',
  '012',
  '- item',
  'back\\slash\nnext',
  'größer 語',
]
const LABELS = [{ a: 'b' }, Object.fromEntries(TEXTS.map((text, index) => [`x/${index}`, text]))]
const RESOURCES = [{}, { limits: { cpu: 2, memory: '1Gi' }, requests: { cpu: '100m' } }]
const DIGIT_PAIRS = ['0a', '1b'] as const

/** The default in about half of the cases, otherwise one of the others. */
const or = <T>(standard: T, others: readonly NoInfer<T>[]): fc.Arbitrary<T> =>
  fc.oneof(fc.constant(standard), fc.constantFrom(...others))

const image = (standard: PlatformValues['relay']['image']) =>
  fc.record({
    repository: or(standard.repository, ['hub/image', 'registry:5000/a/b']),
    digest: or(
      '',
      DIGIT_PAIRS.map((pair) => `sha256:${pair.repeat(32)}`),
    ),
  })

const { cluster, manager, relay, relayToken } = V

/** Any valid values of an installation. */
export const anyValues: fc.Arbitrary<PlatformValues> = fc.record<PlatformValues>({
  cluster: or(cluster, ['eu', 'a-1', '012', 'true']),
  createNamespace: fc.boolean(),
  logLevel: or(V.logLevel, ['debug', 'fatal']),
  image: fc.record({
    registry: or('', ['mirror.example.com/hub', ...TEXTS]),
    tag: or('', ['1.0', ...TEXTS]),
    pullPolicy: or(V.image.pullPolicy, ['Always', 'IfNotPresent', 'Never']),
  }),
  imagePullSecrets: or(V.imagePullSecrets, [[{ name: 'registry' }, { name: 'true' }]]),
  manager: fc.record({
    image: image(manager.image),
    replicas: or(manager.replicas, [0, 1, 7, 1_000_000]),
    checkPodAddress: fc.boolean(),
    podMessages: fc.boolean(),
    resources: or(manager.resources, RESOURCES),
  }),
  relay: fc
    .record({
      enabled: or(true, [false]),
      address: or('', ['wss://relay.example.com', 'ws://r:1/"%s"']),
      domain: or(relay.domain, ['preview.example.com', '012']),
      publicUrl: or('', ['https://preview.example.com', 'http://x:8080/']),
      shared: fc.boolean(),
      databaseUrl: fc.record({ secret: or('', TEXTS), key: or(relay.databaseUrl.key, TEXTS) }),
      stateClaim: or('', ['relay-state', '012']),
      replicas: or(relay.replicas, [0, 1, 7]),
      coordinators: fc.record({
        replicas: or(relay.coordinators.replicas, [0, 1, 3]),
        resources: or(relay.coordinators.resources, RESOURCES),
      }),
      joinToken: fc.record({
        secret: or(relay.joinToken.secret, TEXTS),
        key: or(relay.joinToken.key, TEXTS),
      }),
      ownerKey: fc.record({ secret: or('', TEXTS), key: or(relay.ownerKey.key, TEXTS) }),
      ports: or(relay.ports, [
        { from: 30_000, to: 30_999 },
        { from: 80, to: 80 },
      ]),
      allowTargets: or(relay.allowTargets, [['10.0.0.0/8'], ['10.1.2.3/32', 'fd00::/8']]),
      terminationGracePeriodSeconds: or(relay.terminationGracePeriodSeconds, [0, 90]),
      routeExplain: or(relay.routeExplain, ['allow', 'deny']),
      header: or('', ['kubernetes-route-as', 'true']),
      settings: or({}, [{ 'head-timeout': '5s' }, { 'head-timeout': '5s', connections: '5000' }]),
      image: image(relay.image),
      service: fc.oneof(
        fc.record({
          type: fc.constantFrom('ClusterIP' as const, 'LoadBalancer' as const),
          nodePort: fc.constant(0),
          annotations: or({}, LABELS),
        }),
        fc.record({
          type: fc.constant('NodePort' as const),
          nodePort: or(0, [30_080]),
          annotations: or({}, LABELS),
        }),
      ),
      resources: or(relay.resources, RESOURCES),
    })
    .map((one) => Object.assign(one, one.databaseUrl.secret !== '' && { stateClaim: '' })),
  relayToken: fc.record({
    secret: or(relayToken.secret, TEXTS),
    key: or(relayToken.key, TEXTS),
    value: or('', TEXTS),
  }),
  networkPolicy: fc.record({
    enabled: or(true, [false]),
    metricsFrom: or({}, LABELS),
    apiFrom: or({}, LABELS),
    databasePort: or(V.networkPolicy.databasePort, [6432]),
  }),
  podMonitor: fc.record({ enabled: fc.boolean() }),
  podAnnotations: or({}, LABELS),
  nodeSelector: or({}, LABELS),
  tolerations: or(V.tolerations, [[{ key: 'dedicated', operator: 'Exists' }, { tolerationSeconds: 3 }]]),
  affinity: or({}, [{ podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } }]),
  priorityClassName: or('', TEXTS),
})
