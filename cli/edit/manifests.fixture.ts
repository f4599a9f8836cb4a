import fc from 'fast-check'

const text = fc.constantFrom(
  'web',
  'yes',
  'on',
  'y',
  '0123',
  '12:30:45',
  '1e3',
  '0x1F',
  '~',
  '',
  'a b',
  '# no comment',
  "it's",
  'a: b',
  'one\ntwo\n',
  'one\n\n  two',
  'ü😀',
  '*x',
  '1_000',
)

const optional = <T>(arb: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arb, { nil: undefined })

const env = fc.array(fc.record({ name: fc.constantFrom('A', 'B_C'), value: text }), { maxLength: 3 })

const container = (name: string): fc.Arbitrary<object> =>
  fc.record(
    {
      name: fc.constant(name),
      image: fc.constantFrom('shop/web:1', 'registry.example.com:5000/a/b@sha256:0'),
      args: fc.array(text, { maxLength: 3 }),
      env: fc.oneof(env, fc.constant(null)),
      ports: fc.constantFrom([{ containerPort: 8080, name: 'http' }], [{ containerPort: 8080 }], []),
      lifecycle: fc.constantFrom(
        {},
        null,
        { postStart: { exec: { command: ['sh', '-c', 'echo hi'] } } },
        undefined,
      ),
      resources: fc.constantFrom({}, { limits: { memory: '64Mi', cpu: 1 } }),
    },
    { requiredKeys: ['name', 'image'] },
  )

const annotations = fc.constantFrom(undefined, null, {}, { 'example.com/a': 'yes', b: 'x\ny\n' })
const volumes = fc.constantFrom(
  null,
  [],
  [{ name: 'key', secret: { secretName: 'key', defaultMode: 256 } }],
  [
    { name: 'a', emptyDir: {} },
    { name: 'b', configMap: { name: 'b', items: [{ key: 'x', path: 'x', mode: 493 }] } },
  ],
)

const deployment = fc
  .record({
    labels: fc.constantFrom({ app: 'web' }, { app: 'web', tier: 'front' }),
    outerLabels: fc.constantFrom(undefined, null, {}, { app: 'web' }),
    annotations,
    outerAnnotations: annotations,
    containers: fc.oneof(
      container('web').map((it) => [it]),
      fc.tuple(container('web'), container('helper')),
    ),
    volumes: optional(volumes),
    initContainers: fc.constantFrom(undefined, null, [], [{ name: 'init', image: 'init:1' }]),
    dnsConfig: fc.constantFrom(undefined, {}, { searches: [] }, { searches: ['example.com'] }),
    replicas: fc.constantFrom(undefined, 1, 8),
  })
  .map((it) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels: it.outerLabels, annotations: it.outerAnnotations },
    spec: {
      replicas: it.replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: it.labels, annotations: it.annotations },
        spec: {
          initContainers: it.initContainers,
          containers: it.containers,
          volumes: it.volumes,
          dnsConfig: it.dnsConfig,
        },
      },
    },
  }))

const service = fc
  .record({
    annotations,
    labels: fc.constantFrom(undefined, { app: 'web' }),
    targetPort: fc.constantFrom(undefined, 8080, 'http', '8080', null),
    second: fc.boolean(),
  })
  .map((it) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', labels: it.labels, annotations: it.annotations },
    spec: {
      selector: { app: 'web' },
      ports: [
        { name: 'http', port: 80, targetPort: it.targetPort },
        ...(it.second ? [{ name: 'other', port: 81, protocol: 'TCP', targetPort: 8080 }] : []),
      ],
    },
  }))

const config = fc
  .record({ data: fc.dictionary(fc.constantFrom('a', 'yes', 'x.y', '1'), text) })
  .map(({ data }) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { ...data } }))

/** Objects of one application, without undefined fields. */
export const anyManifests: fc.Arbitrary<unknown[]> = fc
  .tuple(deployment, service, optional(config), fc.boolean())
  .map(([one, two, three, isReversed]) => {
    const objects = [one, two, ...(three === undefined ? [] : [three])]
    return JSON.parse(JSON.stringify(isReversed ? objects.toReversed() : objects)) as unknown[]
  })
