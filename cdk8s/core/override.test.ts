import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Include } from 'cdk8s'
import { ConfigMap, Deployment, Env } from 'cdk8s-plus-28'
import { describe, expect, test } from 'vitest'
import { Environment, Override, Workload } from '../index.ts'
import { podTemplateOf } from '../inject/manifest.ts'
import { app, deployment, faultsOf, find, objects, outline, shop, sidecars } from '../plus.fixture.ts'

describe('an override', () => {
  test('takes a Deployment, with its Service and its ConfigMap', () => {
    const { alice, baseline } = shop()
    const settings = new ConfigMap(baseline, 'settings', { data: { A: '1' } })
    const orders = new Deployment(baseline, 'orders', {
      containers: [{ image: 'shop/orders:1', portNumber: 80, envFrom: [Env.fromConfigMap(settings)] }],
    })
    new Override(alice, orders, { image: 'shop/orders:pr-7', env: { B: '2' }, replicas: 1 })
    // Later than the override.
    orders.exposeViaService({ name: 'orders' })
    expect(outline(alice)).toEqual([
      'Namespace -/alice',
      'Environment alice/alice',
      'Deployment alice/orders',
      'Service alice/orders',
      'ConfigMap alice/settings',
    ])
    const copy = find(alice, 'Deployment', 'orders')
    expect(copy.spec).toMatchObject({ replicas: 1 })
    const template = podTemplateOf(copy)
    expect(template?.spec?.containers?.[0]).toMatchObject({
      image: 'shop/orders:pr-7',
      env: [{ name: 'B', value: '2' }],
    })
    expect(template?.metadata?.labels).toMatchObject({ 'branchline.dev/environment': 'alice' })
    expect(template?.spec?.dnsConfig?.searches).toEqual(['baseline.svc.cluster.local'])
    expect(sidecars(copy)).toEqual(['branchline-sidecar'])
    expect(objects(alice)).toEqual(objects(alice))
  })
  test('takes a Service, a Workload, and a name', () => {
    const { alice, baseline, service } = shop()
    new Override(alice, service, { image: 'a:2' })
    new Override(alice, new Workload(baseline, 'api', { image: 'api:1', port: 80 }), { image: 'api:2' })
    new Override(alice, 'pricing', { image: 'b:2' })
    expect(
      outline(alice)
        .filter((line) => /^(?:Dep|Serv)/.test(line))
        .toSorted(),
    ).toEqual([
      'Deployment alice/api',
      'Deployment alice/pricing',
      'Deployment alice/web',
      'Service alice/api',
      'Service alice/pricing',
      'Service alice/web',
      'ServiceAccount alice/api',
    ])
  })
  test('of a branch of a branch takes what is nearest, even if that is an override', () => {
    const { root, alice } = shop()
    const carol = new Environment(root, 'carol', { type: 'branch', base: alice })
    new Override(carol, 'pricing', { env: { B: 'carol' } })
    new Override(alice, 'pricing', { env: { A: 'alice' } })
    const template = podTemplateOf(find(carol, 'Deployment', 'pricing'))
    expect(template?.spec?.containers?.[0]?.env).toEqual([
      { name: 'A', value: 'alice' },
      { name: 'B', value: 'carol' },
    ])
    expect(template?.spec?.dnsConfig?.searches).toEqual([
      'alice.svc.cluster.local',
      'baseline.svc.cluster.local',
    ])
  })
  test('leaves what the branch defines itself, and shares what two of them need', () => {
    const { alice, baseline } = shop()
    const settings = new ConfigMap(baseline, 'settings', { data: { A: '1' } })
    for (const name of ['one', 'two']) {
      new Deployment(baseline, name, {
        containers: [{ image: 'a:1', envFrom: [Env.fromConfigMap(settings)] }],
      })
      new Override(alice, name, { image: 'a:2' })
    }
    expect(outline(alice).filter((line) => line.startsWith('ConfigMap'))).toHaveLength(1)
    new ConfigMap(alice, 'settings', { data: { A: '2' } })
    expect(find(alice, 'ConfigMap', 'settings')['data']).toEqual({ A: '2' })
    expect(outline(alice).filter((line) => line.startsWith('ConfigMap'))).toHaveLength(1)
  })
  test('finds the workloads of Include', () => {
    const folder = mkdtempSync(join(tmpdir(), 'branchline-include-'))
    try {
      const file = join(folder, 'all.yaml')
      const container =
        '{ name: search, image: "search:1", env: [{ name: EMPTY }], ports: [{ containerPort: 80 }] }'
      writeFileSync(
        file,
        `apiVersion: apps/v1
kind: Deployment
metadata: { name: search }
spec:
  selector: { matchLabels: { app: search } }
  template: { metadata: { labels: { app: search } }, spec: { containers: [${container}] } }
---
apiVersion: v1
kind: Service
metadata: { name: search }
spec: { selector: { app: search }, ports: [{ port: 80 }] }
`,
      )
      const { alice, baseline } = shop()
      new Include(baseline, 'plain', { url: file })
      new Override(alice, 'search', { image: 'search:2', env: { EMPTY: '' } })
      expect(sidecars(find(baseline, 'Deployment', 'search'))).toEqual(['branchline-sidecar'])
      expect(sidecars(find(alice, 'Deployment', 'search'))).toEqual(['branchline-sidecar'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
  test('of manifests of another app needs them', () => {
    const { baseline } = shop()
    const from = objects(baseline)
    const root = app()
    const alice = new Environment(root, 'alice', { type: 'branch', base: 'baseline' })
    const override = new Override(alice, 'pricing', { image: 'a:2', from })
    expect(sidecars(find(alice, 'Deployment', 'pricing'))).toEqual(['branchline-sidecar'])
    expect(override.notes).toEqual([])
    const bob = new Environment(root, 'bob', { type: 'branch', base: 'baseline' })
    new Override(bob, 'pricing', { image: 'a:2' })
    expect(faultsOf(() => objects(bob))).toEqual([
      'BL_SYNTH_OVERRIDE',
      'Override "pricing" of "bob": the base has no workload: pass its manifests',
    ])
  })
  test('is a fault outside of a branch, twice, or of an unknown workload', () => {
    const { baseline, root } = shop()
    expect(faultsOf(() => new Override(baseline, 'web', {}))).toEqual([
      'BL_SYNTH_OVERRIDE',
      'Override "web" is in an environment of type shared: construct it in an Environment of type branch',
    ])
    const bob = new Environment(root, 'bob', { type: 'branch', base: baseline })
    new Override(bob, 'pricing', { image: 'a:2', container: 'app' })
    expect(faultsOf(() => objects(bob))).toEqual([
      'BL_SYNTH_OVERRIDE',
      'Override "pricing" of "bob": container has "app", which is not a container of the workload: use one of main',
    ])
    const other = shop()
    deployment(other.alice, 'pricing')
    new Override(other.alice, 'pricing', { image: 'a:2' })
    expect(faultsOf(() => objects(other.alice))).toContain(
      'Override "pricing" of "alice": Deployment "pricing" is already in the branch: remove one of them',
    )
  })
})
