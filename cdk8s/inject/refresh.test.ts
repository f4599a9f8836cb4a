import { expect, test } from 'vitest'
import type { Container, Manifest } from './manifest.ts'
import { deployment, findings, inject, service, sidecar, targets, template } from './objects.fixture.ts'
import { uninject } from './uninject.ts'

const KEEP = { keepSidecars: true }
const bare = [deployment('api'), service('api')]
const once = (): Manifest[] => structuredClone(inject(bare))
const changed = (change: (it: Container) => void): Manifest[] => {
  const manifests = once()
  change(sidecar(manifests[0]) as Container)
  return manifests
}

test('an injection of an older release becomes one of this release', () => {
  const older = changed((it) => {
    it['image'] = 'branchline/sidecar:0.0.9'
    it.lifecycle = { preStop: { httpGet: { path: '/leave', port: 'branchline-adm' } } }
    it['startupProbe'] = { tcpSocket: { port: 1 } }
    it.env = it.env?.filter(({ name }) => name !== 'POD_IPS') ?? []
    // The listeners were ports of the sidecar.
    it.ports = [...(template(older0[0]).spec?.containers?.[0]?.ports?.slice(1) ?? []), ...(it.ports ?? [])]
  })
  Object.assign(template(older[0]).spec?.containers?.[0] as object, {
    ports: [{ name: 'web', containerPort: 8080 }],
  })
  expect(inject(older, KEEP)).toEqual(once())
  expect(inject(older)).toEqual(once())
})
const older0 = once()

test('an image, variables, resources and fields of users are kept', () => {
  const own = changed((it) => {
    it['image'] = 'mirror/sidecar:2'
    it['imagePullPolicy'] = 'Always'
    it.resources = { requests: { cpu: '1' } }
    it.env?.push({ name: 'BRANCHLINE_ACCESS_LOG', value: 'all' })
    Object.assign(it.env?.find(({ name }) => name === 'BRANCHLINE_MANAGER') ?? {}, { value: 'ws://other:1' })
  })
  expect(inject(own, KEEP)).toEqual(own)
})

test('options take precedence over what is kept if they override', () => {
  const own = changed((it) => it.env?.push({ name: 'BRANCHLINE_ACCESS_LOG', value: 'all' }))
  const [api] = inject(own, {
    ...KEEP,
    overrideSidecars: true,
    sidecar: { image: 'mirror/sidecar:3', header: 'x-route', cpu: '50m', settings: { 'head-bytes': '64Ki' } },
  })
  expect(sidecar(api)).toMatchObject({
    image: 'mirror/sidecar:3',
    resources: { requests: { cpu: '50m', memory: '64Mi' } },
  })
  expect(sidecar(api)?.env).toEqual(
    expect.arrayContaining([
      { name: 'BRANCHLINE_ACCESS_LOG', value: 'all' },
      { name: 'BRANCHLINE_HEADER', value: 'x-route' },
      { name: 'BRANCHLINE_HEAD_BYTES', value: '65536' },
    ]),
  )
})

test('options that do not override are for new sidecars', () => {
  const sidecar = { image: 'mirror/sidecar:3', header: 'x-route', cpu: '50m' }
  const own = inject(bare, { sidecar })
  expect(
    inject(own, { ...KEEP, sidecar: { image: 'mirror/sidecar:4', header: 'x-other', cpu: '1' } }),
  ).toEqual(own)
})

test('a sidecar that was injected without a preStop hook or with another cluster domain keeps that', () => {
  const made = inject(bare, { preStopSeconds: 0, clusterDomain: 'corp.example' })
  expect(inject(made, KEEP)).toEqual(made)
})

test('ports that were edited after the injection take precedence over the record', () => {
  const manifests = once()
  const edited = manifests[1] as Manifest & {
    spec: { ports: { name: string; port: number; targetPort: unknown }[] }
  }
  edited.spec.ports.unshift({ name: 'metrics', port: 9090, targetPort: 9090 })
  expect(targets(uninject(manifests)[1])).toEqual([9090, 'web'])
  const again = inject(manifests, KEEP)
  expect(targets(again[1])?.[1]).toBe(targets(once()[1])?.[0])
  expect(template(again[0]).metadata?.annotations?.['branchline.dev/inbound']).toBe(
    '25001=9090/auto,25002=8080/http',
  )
  // Someone led the port past the sidecar.
  ;(edited.spec.ports[1] as { targetPort: unknown }).targetPort = 8081
  expect(targets(uninject(manifests)[1])).toEqual([9090, 8081])
})

test('a record by index of an older release survives a port that was inserted before it', () => {
  const manifests = once()
  const edited = manifests[1] as Manifest & { spec: { ports: object[] } }
  Object.assign(edited.metadata.annotations ?? {}, {
    'branchline.dev/injected': '{"targetPorts":{"0":8080}}',
  })
  expect(targets(uninject(manifests)[1])).toEqual([8080])
  edited.spec.ports.unshift({ name: 'metrics', port: 9090, targetPort: 9090 })
  expect(targets(uninject(manifests)[1])).toEqual([9090, 8080])
})

test('a preStop hook that was edited after the injection stays', () => {
  const manifests = once()
  const [container] = template(manifests[0]).spec?.containers ?? []
  const lifecycle = { preStop: { sleep: { seconds: 9 } } }
  Object.assign(container as object, { lifecycle })
  expect(template(uninject(manifests)[0]).spec?.containers?.[0]?.lifecycle).toEqual(lifecycle)
})

test('annotations set the resources of a sidecar, and their removal undoes that', () => {
  const annotations = { 'branchline.dev/sidecar-cpu': '50m', 'branchline.dev/sidecar-memory': '256Mi' }
  const [api, web] = inject([deployment('api', {}, { labels: { app: 'api' }, annotations }), service('api')])
  // The default of the limit follows the request.
  expect(sidecar(api)?.resources).toEqual({
    requests: { cpu: '50m', memory: '256Mi' },
    limits: { memory: '256Mi' },
  })
  const removed = structuredClone([api, web]) as Manifest[]
  for (const name of Object.keys(annotations)) delete template(removed[0]).metadata?.annotations?.[name]
  expect(inject(removed, KEEP)).toEqual(once())
})

test.each([
  ['branchline.dev/sidecar-cpu', 'fast', /sidecar-cpu is "fast": wanted a quantity above 0, such as 50m/],
  ['branchline.dev/sidecar-memory-limit', '0', /sidecar-memory-limit is "0": wanted a quantity/],
])('%s: %s is a fault', (name, value, message) => {
  const api = deployment('api', {}, { labels: { app: 'api' }, annotations: { [name]: value } })
  expect(findings([api, service('api')])).toEqual([expect.stringMatching(message)])
})

test('a request above its limit is a fault', () => {
  const annotations = { 'branchline.dev/sidecar-cpu': '2', 'branchline.dev/sidecar-cpu-limit': '500m' }
  const api = deployment('api', {}, { labels: { app: 'api' }, annotations })
  expect(findings([api, service('api')])).toEqual([
    'BadSetting: branchline.dev/sidecar-cpu is 2, more than branchline.dev/sidecar-cpu-limit 500m: raise the limit',
  ])
})
