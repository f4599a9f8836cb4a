import fc from 'fast-check'
import { expect, test } from 'vitest'
import { injectSidecars } from './apply.ts'
import { deployment, findings, inject, object, OPTIONS, service } from './objects.fixture.ts'
import { uninject } from './uninject.ts'

test.each([
  [{ containers: { name: 'a' } }, 'spec.template.spec.containers has the wrong type: wanted a list'],
  [{ containers: [null] }, 'spec.template.spec.containers[0] has the wrong type: wanted a map'],
  [
    { dnsConfig: { searches: [1] } },
    'spec.template.spec.dnsConfig.searches[0] has the wrong type: wanted a text',
  ],
])('a workload with %j is a fault, and stays as it is', (spec, message) => {
  const manifests = [deployment('api', spec), service('api')]
  expect(findings(manifests)).toContain(`BadShape: ${message}`)
  expect(inject(manifests)).toEqual(manifests)
  expect(uninject(manifests)).toEqual(manifests)
})

test('other objects are injected', () => {
  const manifests = [deployment('a', { volumes: {} }), service('a'), deployment('b'), service('b')]
  const once = inject(manifests)
  expect(once[0]).toEqual(manifests[0])
  expect(once[2]).not.toEqual(manifests[2])
  expect(inject(once)).toEqual(once)
})

const anything = fc.anything({
  maxDepth: 2,
  withNullPrototype: false,
  key: fc.constantFrom('labels', 'ports', 'name', 'spec', 'x'),
})
const anyObject = fc
  .record({
    kind: fc.constantFrom(
      'v1/Service',
      'v1/Pod',
      'apps/v1/Deployment',
      'batch/v1/CronJob',
      'networking.k8s.io/v1/NetworkPolicy',
      'v1/LimitRange',
      'v1/ResourceQuota',
      'v1/Namespace',
    ),
    part: fc.constantFrom(
      'spec',
      'selector',
      'ports',
      'template',
      'containers',
      'container',
      'labels',
      'ingress',
      'hard',
      'limits',
      'jobTemplate',
    ),
    value: anything,
  })
  .map(({ kind, part, value }) => {
    const at = kind.lastIndexOf('/')
    const container =
      part === 'container'
        ? value
        : { name: 'app', ports: part === 'ports' ? value : [{ containerPort: 80 }] }
    const podSpec = { containers: part === 'containers' ? value : [container] }
    const template = { metadata: { labels: part === 'labels' ? value : { app: 'a' } }, spec: podSpec }
    const spec = {
      selector: part === 'selector' ? value : { app: 'a' },
      ports: part === 'ports' ? value : [{ port: 80 }],
      template: part === 'template' ? value : template,
      ...podSpec,
      ...(['ingress', 'hard', 'limits', 'jobTemplate'].includes(part) ? { [part]: value } : {}),
    }
    return object(kind.slice(0, at), kind.slice(at + 1), 'a', { spec: part === 'spec' ? value : spec })
  })

test('no shape of an object makes an injection fail', () => {
  fc.assert(
    fc.property(fc.array(anyObject, { maxLength: 4 }), (manifests) => {
      const once = injectSidecars(manifests, OPTIONS).manifests
      expect(injectSidecars(once, OPTIONS).manifests).toEqual(once)
      uninject(once)
    }),
    { numRuns: 300 },
  )
})
