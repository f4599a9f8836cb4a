import { expect, test } from 'vitest'
import { podTemplateOf } from '../inject/manifest.ts'
import { platformFaults } from './faults.ts'
import { platformManifests } from './manifests.ts'
import type { PlatformProps } from './props.ts'

const pods = (props: PlatformProps) =>
  platformManifests(props)
    .map((one) => podTemplateOf(one))
    .filter((one) => one !== undefined)

test("the manager checks pods' addresses by default", () => {
  const said = (checkPodAddress: boolean) =>
    JSON.stringify(platformManifests({ manager: { checkPodAddress } })).includes(
      '"name":"BRANCHLINE_CHECK_POD_ADDRESS","value":"off"',
    )
  expect([said(true), said(false)]).toEqual([false, true])
})

test('every pod has the common fields', () => {
  const scheduling = {
    nodeSelector: { pool: 'system' },
    tolerations: [{ key: 'dedicated', operator: 'Exists' }],
    affinity: { podAntiAffinity: {} },
    priorityClassName: 'system-cluster-critical',
  }
  const images = { pullPolicy: 'Always', pullSecrets: [{ name: 'registry' }] } as const
  const all = pods({ images, pods: { ...scheduling, annotations: { a: 'b' } } })
  expect(all).toHaveLength(2)
  for (const { metadata, spec } of all) {
    expect(metadata).toMatchObject({ annotations: { a: 'b' } })
    expect(spec).toMatchObject({ ...scheduling, imagePullSecrets: images.pullSecrets })
    expect(spec?.containers).toMatchObject([{ imagePullPolicy: 'Always' }])
    expect(spec).not.toHaveProperty('annotations')
  }
})

test('manager and relay have the resources of their properties', () => {
  const small = { requests: { cpu: '10m' } }
  const manifests = platformManifests({ manager: { replicas: 3 }, relay: { resources: small } })
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment')
  expect(deployments.map(({ spec }) => (spec as { replicas: number }).replicas)).toEqual([3, 1])
  const containers = pods({ manager: { resources: {} }, relay: { resources: small } }).flatMap(
    ({ spec }) => spec?.containers ?? [],
  )
  const resources = containers.map((container) => (container as { resources?: object }).resources)
  expect(resources).toEqual([{}, small])
})

test('the namespace and the network policies are optional, and a load balancer has annotations', () => {
  const manifests = platformManifests({
    createNamespace: false,
    networkPolicies: false,
    relay: { expose: 'LoadBalancer', annotations: { 'example.com/scheme': 'internal' } },
  })
  expect(manifests.filter(({ kind }) => /^(?:Namespace|NetworkPolicy)$/.test(kind))).toEqual([])
  expect(
    manifests.find(({ metadata }) => metadata.name === 'branchline-relay-visitors')?.metadata,
  ).toMatchObject({ annotations: { 'example.com/scheme': 'internal' } })
})

test.each<[PlatformProps, RegExp]>([
  [{ manager: { replicas: 1.5 } }, /manager.replicas is 1.5: wanted a whole number/],
  [{ relay: { expose: 'Ingress' as 'NodePort' } }, /relay.expose is "Ingress": wanted one of ClusterIP/],
  [{ relay: { expose: 'NodePort', nodePort: 70_000 } }, /relay.nodePort is 70000: wanted a whole number/],
])('refuses %j with a sentence', (props, fault) => {
  expect([...platformFaults(props)]).toEqual([expect.stringMatching(fault)])
})

test('the relay’s state is on a volume of its pod, or on a claim that only one pod uses at a time', () => {
  const relayOf = (props: PlatformProps): unknown =>
    platformManifests(props).find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'branchline-relay',
    )?.spec
  const mounted = {
    template: { spec: { containers: [{ volumeMounts: [{ mountPath: '/var/lib/branchline' }] }] } },
  }
  const own = relayOf({})
  expect(own).toMatchObject(mounted)
  expect(own).toMatchObject({
    template: { spec: { volumes: [{ emptyDir: {} }], securityContext: { fsGroup: 65532 } } },
  })
  // Two processes may not have a PostgreSQL each.
  expect(own).toMatchObject({ strategy: { type: 'Recreate' } })
  const claimed = relayOf({ relay: { stateClaim: 'relay-state' } })
  expect(claimed).toMatchObject({
    ...mounted,
    strategy: { type: 'Recreate' },
  })
  expect(claimed).toMatchObject({
    template: { spec: { volumes: [{ persistentVolumeClaim: { claimName: 'relay-state' } }] } },
  })
  expect(JSON.stringify(relayOf({ source: 'local' }))).not.toContain('/var/lib/branchline')
  expect([...platformFaults({ relay: { stateClaim: 'A b' } })]).toEqual([
    'relay.stateClaim is "A b": wanted the name of a PersistentVolumeClaim',
  ])
})
