import { expect, test } from 'vitest'
import { deployment, findings, inject, object, service, targets, template } from './objects.fixture.ts'

const inboundOf = (manifest: ReturnType<typeof deployment> | undefined) =>
  template(manifest).metadata?.annotations?.['branchline.dev/inbound']
const app = (more: object) => ({ containers: [{ name: 'app', image: 'x', ...more }] })

test('the port of an init container does not hide the port of the app', () => {
  const migrate = { name: 'migrate', image: 'x', ports: [{ name: 'web', containerPort: 1 }] }
  const [api] = inject([deployment('api', { initContainers: [migrate] }), service('api')])
  expect(inboundOf(api)).toBe('25001=8080/http')
})

test('a name counts only for its protocol, and a native sidecar may have it', () => {
  const proxy = {
    name: 'proxy',
    restartPolicy: 'Always',
    ports: [
      { name: 'web', containerPort: 1, protocol: 'UDP' },
      { name: 'web', containerPort: 2 },
    ],
  }
  const [api] = inject([deployment('api', { initContainers: [proxy], ...app({}) }), service('api')])
  expect(inboundOf(api)).toBe('25001=2/http')
})

test.each([
  ['a probe', app({ readinessProbe: { httpGet: { path: '/', port: 25001 } } })],
  ['a variable', app({ env: [{ name: 'HTTP_PORT', value: '25001' }] })],
  ['an argument', app({ args: ['--listen', ':25001'] })],
  ['an option and its value', app({ command: ['serve', '--port', '25001'] })],
])('a port that %s names is not used by the sidecar', (_, spec) => {
  const api = service('api', { ports: [{ name: 'http', port: 80, targetPort: 8080 }] })
  expect(inboundOf(inject([deployment('api', spec), api])[0])).toBe('25002=8080/http')
})

test('a port that only metrics have is not used either', () => {
  const annotations = { 'prometheus.io/port': '25001' }
  const [api] = inject([deployment('api', {}, { labels: { app: 'api' }, annotations }), service('api')])
  expect(inboundOf(api)).toBe('25002=8080/http')
})

const admin = service('api', { ports: [{ name: 'http', port: 80, targetPort: 8080 }] })

test('an app that seems to listen at the admin port gets a note', () => {
  expect(findings([deployment('api', app({ args: ['--admin-port=25000'] })), admin])).toEqual([
    expect.stringMatching(/^PortInUse: container "app" of Deployment "api" mentions 25000 .* another port$/),
  ])
  for (const spec of [
    app({ env: [{ name: 'TIMEOUT_MS', value: '25000' }] }),
    app({ env: [{ name: 'COLLECTOR', value: 'http://collector:25000' }] }),
  ]) {
    expect(findings([deployment('api', spec), admin])).toEqual([])
  }
})

test('a workload whose probe or Service names the admin port gets no sidecar', () => {
  const probed = deployment('api', app({ livenessProbe: { tcpSocket: { port: 25000 } } }))
  const targeted = service('api', {
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'admin', port: 81, targetPort: 25000 },
    ],
  })
  for (const manifests of [
    [probed, admin],
    [deployment('api'), targeted],
  ]) {
    expect(findings(manifests)).toEqual([
      expect.stringMatching(
        /^PortTaken: Service "api" selects Deployment "api", whose port 25000 is the sidecar's/,
      ),
    ])
    expect(inject(manifests)[1]).toEqual(manifests[1])
  }
})

test('a port keeps its name when another Service takes the same slot', () => {
  // The names of these Services have the same hash.
  const [one, two] = ['s5', 's55'].map((name) => service(name, {}, 'api'))
  const [before] = targets(inject([deployment('api'), two as never])[1]) as [string]
  const alone = inject([deployment('api'), two as never])
  const both = inject([alone[0] as never, one as never, alone[1] as never])
  expect(targets(both[2])).toEqual([before])
  expect(targets(both[1])).not.toEqual([before])
})

test('copies of an injected Service get names of their own', () => {
  const [api, first] = inject([deployment('api'), service('api')])
  const copy = structuredClone(first) as NonNullable<typeof first>
  copy.metadata.name = 'copy'
  const [, one, two] = inject([api as never, first as never, copy])
  expect(targets(one)).toEqual(targets(first))
  expect(targets(two)).not.toEqual(targets(first))
})

test('a Service of an operator names the kind that it selects', () => {
  const set = object('apps.kruise.io/v1alpha1', 'CloneSet', 'api', {
    spec: { template: { metadata: { labels: { app: 'api' } }, spec: { containers: [{ name: 'a' }] } } },
  })
  expect(findings([set, service('api')])).toEqual([
    expect.stringMatching(
      /^NoWorkload: .* selects CloneSet "api" \(apps.kruise.io\/v1alpha1\), a kind that gets no/,
    ),
  ])
})
