/** The relay of the platform: one process for trials, coordinators and workers with a database. */
import { expect, test } from 'vitest'
import type { Manifest } from '../inject/manifest.ts'
import { platformFaults } from './faults.ts'
import { platformManifests } from './manifests.ts'
import type { RelayProps } from './props.ts'

const DATABASE = { secret: 'relay-database', key: 'url' }

const find = (manifests: readonly Manifest[], kind: string, name: string): Manifest | undefined =>
  manifests.find((one) => one.kind === kind && one.metadata.name === name)

interface Container {
  readonly env: readonly { name: string; value?: string; valueFrom?: unknown }[]
  readonly ports: readonly { name: string }[]
}
interface Deployment {
  readonly replicas: number
  readonly template: {
    readonly spec: { readonly containers: readonly [Container] } & Record<string, unknown>
  }
}

const deployment = (relay: RelayProps, name: string): Deployment =>
  find(platformManifests({ relay }), 'Deployment', name)?.spec as Deployment
const variablesOf = ({ template }: Deployment) =>
  Object.fromEntries(
    template.spec.containers[0].env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]),
  )
const secret = (name: string, key: string) => ({ secretKeyRef: { name, key } })

test('without a database one process has both roles, makes no key that a log would show, and serves the API', () => {
  const manifests = platformManifests()
  const relay = deployment({}, 'branchline-relay')
  expect(variablesOf(relay)).toMatchObject({ BRANCHLINE_OWNER_KEY: 'none' })
  expect(variablesOf(relay)).not.toHaveProperty('BRANCHLINE_ROLE')
  expect(relay.template.spec.containers[0].ports.map(({ name }) => name)).toEqual([
    'http',
    'tunnel',
    'api',
    'admin',
  ])
  expect(find(manifests, 'Deployment', 'branchline-coordinator')).toBeUndefined()
  expect(find(manifests, 'Service', 'branchline-coordinator')?.spec).toMatchObject({
    selector: { 'app.kubernetes.io/component': 'relay' },
    ports: [{ port: 6120 }],
  })
})

test('with a database there are two coordinators and two workers, and no secret is a literal', () => {
  const relay = { databaseUrl: DATABASE }
  const coordinator = deployment(relay, 'branchline-coordinator')
  const worker = deployment(relay, 'branchline-relay')
  expect([coordinator.replicas, worker.replicas]).toEqual([2, 2])
  const join = secret('branchline-relay-join', 'token')
  expect(variablesOf(coordinator)).toMatchObject({
    BRANCHLINE_ROLE: 'coordinator',
    DATABASE_URL: secret('relay-database', 'url'),
    BRANCHLINE_JOIN_TOKEN: join,
    BRANCHLINE_OWNER_KEY: 'none',
  })
  expect(variablesOf(worker)).toMatchObject({
    BRANCHLINE_ROLE: 'worker',
    BRANCHLINE_JOIN_TOKEN: join,
    BRANCHLINE_COORDINATORS: 'http://branchline-coordinator.branchline-system.svc.cluster.local:6120',
  })
  // Each role gets only the secrets that it needs.
  expect(variablesOf(worker)).not.toHaveProperty('DATABASE_URL')
  expect(variablesOf(coordinator)).not.toHaveProperty('BRANCHLINE_RELAY_TOKEN')
  const owned = deployment({ ...relay, ownerKey: { secret: 'owner', key: 'k' } }, 'branchline-coordinator')
  expect(variablesOf(owned)).toMatchObject({ BRANCHLINE_OWNER_KEY: secret('owner', 'k') })
})

test('pods of a role prefer different nodes, are replaced one by one, and drain before they stop', () => {
  for (const name of ['branchline-relay', 'branchline-coordinator']) {
    expect(deployment({ databaseUrl: DATABASE }, name)).toMatchObject({
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } },
      template: {
        spec: {
          affinity: {
            podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100 }] },
          },
          containers: [{ lifecycle: { preStop: { sleep: { seconds: 5 } } } }],
        },
      },
    })
    expect(
      find(platformManifests({ relay: { databaseUrl: DATABASE } }), 'PodDisruptionBudget', name),
    ).toBeDefined()
  }
  // 5 s until no Service leads to it, 20 s for requests, 1 s for tunnels, and room.
  expect(deployment({ databaseUrl: DATABASE }, 'branchline-relay').template.spec).toMatchObject({
    terminationGracePeriodSeconds: 40,
  })
})

const policyOf = (relay: RelayProps, name: string, apiFrom?: Record<string, string>): string =>
  JSON.stringify(find(platformManifests({ relay, ...(apiFrom && { apiFrom }) }), 'NetworkPolicy', name)?.spec)

test('the API is open to workers and to the namespaces that are named, the database to coordinators alone', () => {
  const relay = { databaseUrl: DATABASE }
  expect(policyOf({}, 'branchline-relay')).not.toContain('6120')
  expect(policyOf({}, 'branchline-relay', { team: 'a' })).toContain(
    '{"namespaceSelector":{"matchLabels":{"team":"a"}}}',
  )
  expect(policyOf(relay, 'branchline-relay')).not.toContain('5432')
  expect(policyOf(relay, 'branchline-coordinator')).toContain('{"ports":[{"protocol":"TCP","port":5432}]}')
  expect(policyOf({ ...relay, databasePort: 6432 }, 'branchline-coordinator')).toContain('6432')
  expect(policyOf(relay, 'branchline-coordinator')).not.toContain('namespaceSelector":{"matchLabels":{"team')
})

test('targets and ports of circuits are open only if they are named', () => {
  expect(policyOf({}, 'branchline-relay')).toContain('"egress":[]')
  const open = policyOf(
    { allowTargets: ['10.1.0.0/16'], ports: { from: 30_000, to: 30_009 } },
    'branchline-relay',
  )
  expect(open).toContain('{"ipBlock":{"cidr":"10.1.0.0/16"}}')
  expect(open).toContain('"port":30000,"endPort":30009')
})

test.each<[RelayProps, string]>([
  [{ ports: { from: 2, to: 1 } }, 'relay.ports is from 2 to 1: wanted a range such as from 30000 to 30999'],
  [
    { allowTargets: ['10/8'] },
    'relay.allowTargets has "10/8": wanted a range of addresses such as "10.0.0.0/8"',
  ],
  [{ replicas: -1 }, 'relay.replicas is -1: wanted a whole number, 0 or more'],
  [{ databasePort: 0 }, 'relay.databasePort is 0: wanted a whole number from 1 to 65535'],
])('refuses %j with a sentence', (relay, fault) => {
  expect([...platformFaults({ relay })]).toEqual([fault])
})
