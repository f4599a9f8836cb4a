import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { LABELS } from '@branchline/wire/names'
import { expect, test } from 'vitest'
import { environment, pod, running, service, slice } from '../fixture/objects.ts'
import { Store } from '../store/store.ts'
import { plan } from './planner.ts'

const searches = (...namespaces: string[]) => ({
  dnsConfig: { searches: namespaces.map((it) => `${it}.svc.cluster.local`) },
})
const shop = [
  environment('base'),
  environment('alice', { base: 'base' }),
  ...running('base', 'api', '10.0.0.1'),
]

/** The warnings about alice: reasons and messages. */
function warnings(...objects: (KubernetesObject | KubernetesObject[])[]): string[] {
  const store = new Store((object, reason) => {
    throw new Error(`${object.kind} ${object.metadata.name}: ${reason}`)
  })
  for (const object of [...shop, ...objects.flat()]) store.put(object)
  const found = plan(store).environments.get('alice/alice')?.warnings ?? []
  return found.map(({ reason, message }) => `${reason}: ${message}`)
}

/** A Service of alice, and its pod with this spec and metadata. */
function override(
  spec: object,
  metadata: { labels?: object; annotations?: object; [field: string]: unknown } = {},
  ports?: object[],
  inbound = 25001,
): KubernetesObject[] {
  const labels = { [LABELS.sidecar]: 'true', ...metadata.labels }
  return [
    service('alice', 'api', ports === undefined ? {} : { ports }),
    pod('alice', 'api-0', '10.0.0.2', {
      metadata: { name: 'api-0', namespace: 'alice', ...metadata, labels },
      spec,
    }),
    slice('alice', 'api', [{ pod: 'api-0', ip: '10.0.0.2' }], { port: inbound }),
  ]
}

test('a valid override causes no warning', () => {
  expect(warnings(override(searches('base')))).toEqual([])
  expect(warnings(override({ dnsConfig: { searches: ['x', 'base.svc.corp.example'] } }))).toEqual([])
})

test('the warning about an incomplete search list names the workload, the namespaces and the remedy', () => {
  const owned = {
    labels: { 'pod-template-hash': '5d8f' },
    ownerReferences: [{ kind: 'ReplicaSet', name: 'web-api-5d8f', controller: true }],
  }
  expect(warnings(override({}, owned))).toEqual([
    'SearchListIncomplete: Deployment "web-api" does not search base.svc.cluster.local: its calls by short ' +
      'names do not find services that this branch does not run; inject it with its base (branchline inject), or add ' +
      'that to spec.dnsConfig.searches',
  ])
  const statefulSet = { ownerReferences: [{ kind: 'StatefulSet', name: 'db', controller: true }] }
  expect(warnings(override(searches('base2'), statefulSet))[0]).toMatch(
    /^SearchListIncomplete: StatefulSet "db" /,
  )
})

test('a pod that opted out, uses its node’s DNS or has ended needs no search list', () => {
  const optedOut = { annotations: { 'branchline.dev/inject': 'disabled' } }
  expect(warnings(override({}, optedOut))).toEqual([])
  expect(warnings(override({ dnsPolicy: 'None' }))).toEqual([])
  const ended = pod('alice', 'job', '10.0.0.9', { status: { podIP: '10.0.0.9', phase: 'Succeeded' } })
  expect(warnings(ended)).toEqual([])
})

test('calls that bypass a sidecar are reported, each with its remedy', () => {
  expect(warnings(service('alice', 'db', { clusterIP: 'None' }))).toEqual([
    expect.stringMatching(/^HeadlessService: Service "db" is headless .*add a Service with a cluster IP/),
  ])
  expect(warnings(override({ hostNetwork: true }))).toEqual([
    expect.stringMatching(/^HostNetwork: Service "api" leads to Pod "api-0", which has hostNetwork/),
  ])
  expect(warnings(override(searches('base'), { labels: { [LABELS.sidecar]: 'no' } }))).toEqual([
    expect.stringMatching(
      /^PastSidecar: Service "api" leads to Pod "api-0", which has no sidecar.*branchline inject/,
    ),
  ])
  const inbound = { annotations: { 'branchline.dev/inbound': '25001=8080/http' } }
  expect(warnings(override(searches('base'), inbound))).toEqual([])
  expect(warnings(override(searches('base'), inbound, undefined, 8080))).toEqual([
    expect.stringMatching(
      /^PastSidecar: Service "api" port 80 leads to port 8080 of Pod "api-0", bypassing its sidecar/,
    ),
  ])
  const foreign = { ...slice('alice', 'db', []), endpoints: [{ addresses: ['192.0.2.1'] }] }
  expect(warnings(service('alice', 'db'), foreign)).toEqual([
    expect.stringMatching(/^PastSidecar: Service "db" has endpoints that are not pods/),
  ])
})

test('a port that is not TCP causes a warning, and is never confused with a TCP port of the same number', () => {
  const ports = [
    { name: 'http', port: 80 },
    { name: 'udp', port: 80, protocol: 'UDP' },
  ]
  const objects = override(searches('base'), {}, ports)
  const [, , endpoints] = objects as [KubernetesObject, KubernetesObject, KubernetesObject]
  const both = [
    { name: 'http', port: 25001 },
    { name: 'udp', port: 5353, protocol: 'UDP' },
  ]
  const store = new Store(() => undefined)
  const all = [...shop, ...objects.slice(0, 2), { ...endpoints, ports: both }]
  for (const object of all) store.put(object)
  const { tables, environments } = plan(store)
  expect(tables.get('base/api-0')?.listeners[25001]?.routes['alice']?.endpoints).toEqual(['10.0.0.2:25001'])
  expect(environments.get('alice/alice')?.warnings).toMatchObject([{ reason: 'NotTcp' }])
})

test('the warning about an invalid weight names the workload, the value and the weight in effect, once for all replicas', () => {
  const weighted = (weight: string) => ({ annotations: { 'branchline.dev/weight': weight } })
  expect(warnings(override(searches('base'), weighted('100')))).toEqual([])
  const metadata = {
    ...weighted('heavy'),
    ownerReferences: [{ kind: 'StatefulSet', name: 'api', controller: true }],
  }
  const second = pod('alice', 'api-1', '10.0.0.3', {
    metadata: { name: 'api-1', namespace: 'alice', ...metadata },
    spec: searches('base'),
  })
  expect(warnings(override(searches('base'), metadata), second)).toEqual([
    'WeightInvalid: StatefulSet "api" has the annotation branchline.dev/weight: "heavy", which is not a whole ' +
      'number from 0 to 100: its pods have the weight 1; correct it in the pod template',
  ])
  const [long] = warnings(override(searches('base'), weighted(`1"\n${'0'.repeat(9_999)}`)))
  expect(long?.length).toBeLessThan(300)
})

test('an override that lacks a port of its base causes a warning, and one with more ports does not', () => {
  const port = (number: number) => ({ name: 'http', port: number })
  expect(warnings(override(searches('base'), {}, [port(8080)]))).toEqual([
    'PortMissing: Service "api" has port 8080, but base has 80: base serves requests to 80; add it to the override',
  ])
  expect(warnings(override(searches('base'), {}, [port(80), { name: 'more', port: 81 }]))).toEqual([])
})
