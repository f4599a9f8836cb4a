import { expect, test } from 'vitest'
import { clusterChecks, preChecks } from './cluster-checks.ts'
import type { ClusterFacts } from './cluster-facts.ts'
import { clusterReport } from './cluster-report.ts'
import { accessReview, INSTALL_RIGHTS, USER_RIGHTS } from './cluster-rights.ts'
import { sidecarPod } from './sidecar-pod.ts'

const NOW = Date.parse('2026-11-21T10:00:00Z')
const DAY = 24 * 3_600_000
const metadata = (name: string, namespace: string) => ({ name, namespace })
const pod = (name: string, image: string, ready = true) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata(name, 'branchline-system'),
  spec: { containers: [{ name: 'main', image }] },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
})
const sidecar = (version: string) => ({
  ...pod('web-1', 'shop/web:1'),
  metadata: metadata('web-1', 'alice'),
  spec: {
    initContainers: [{ name: 'branchline-sidecar', image: `mirror:5000/branchline/sidecar:${version}` }],
  },
})
const environment = (status: object) => ({
  apiVersion: 'branchline.dev/v1alpha1',
  kind: 'Environment',
  metadata: metadata('alice', 'alice'),
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    sidecars: { acknowledged: 1, connected: 1, total: 1, epoch: 7 },
    ...status,
  },
})

const good: ClusterFacts = {
  target: 'context dev',
  version: { value: 'v1.33.1' },
  reviews: USER_RIGHTS.map((right) => ({ right, allowed: { value: true } })),
  crds: { value: { environments: ['v1alpha1'], previews: ['v1alpha1'] } },
  pods: {
    value: [
      pod('branchline-manager-1', 'branchline/manager:0.1.0'),
      pod('branchline-relay-1', 'branchline/relay:0.1.0'),
      sidecar('0.1.0'),
    ],
  },
  environments: { value: [environment({})] },
  previews: { value: [] },
  leaseRenewedMs: { value: NOW - 2_000 },
  dryRuns: [{ namespace: 'alice', admitted: { value: true } }],
  hosts: [
    {
      host: 'web--alice.example.com',
      addresses: { value: ['192.0.2.1'] },
      validTo: { value: NOW + 60 * DAY },
    },
  ],
}
const failed = (facts: Partial<ClusterFacts>): string[] =>
  clusterChecks({ ...good, ...facts }, '0.1.0', NOW)
    .filter(({ status }) => status !== 'ok')
    .map(({ category, name, status, detail, hint }) => `${status} ${category}: ${name}: ${detail}: ${hint}`)

test('a good installation passes every check', () => {
  expect(failed({})).toEqual([])
  const { text, exitCode } = clusterReport(clusterChecks(good, '0.1.0', NOW), { width: 80 })
  expect(exitCode).toBe(0)
  expect(text).toMatch(/^kubernetes\n-{10}\n√ the API server of context dev answers \(v1\.33\.1\)\n/)
  expect(text).toMatch(/\nall 14 checks passed\n$/)
})

test.each<[string, Partial<ClusterFacts>, RegExp]>([
  [
    'no connection',
    { version: { problem: 'refused' } },
    /^error kubernetes: .* answers: refused: check the address/,
  ],
  [
    'an old version',
    { version: { value: 'v1.29.9' } },
    /^error kubernetes: .*: it is v1\.29\.9: upgrade the cluster/,
  ],
  [
    'a missing right',
    { reviews: [{ right: { verb: 'list', group: '', resource: 'pods' }, allowed: { value: false } }] },
    /^warning rights: .*: you may not: list pods: ask the administrator/,
  ],
  [
    'no CRDs',
    { crds: { problem: 'not found', status: 404 } },
    /^error platform: the CRDs serve v1alpha1: they are not installed: install/,
  ],
  [
    'an old CRD',
    { crds: { value: { environments: ['v1alpha1'], previews: ['v1'] } } },
    /^error platform: .*: previews do not serve it/,
  ],
  [
    'a lease that is not renewed',
    { leaseRenewedMs: { value: NOW - 90_000 } },
    /^error platform: one manager leads: its Lease was last renewed 90 s ago/,
  ],
  [
    'a refusal by admission',
    { dryRuns: [{ namespace: 'alice', admitted: { problem: 'violates PodSecurity', status: 403 } }] },
    /^error admission: namespace alice .*: violates PodSecurity: change the policy/,
  ],
  [
    'an environment that is not ready',
    {
      environments: {
        value: [
          environment({
            conditions: [
              { type: 'Ready', status: 'False', reason: 'KeyTaken', message: 'choose another key' },
            ],
          }),
        ],
      },
    },
    /^error environments: alice is ready: KeyTaken: choose another key: do what/,
  ],
  [
    'a warning of the manager',
    {
      environments: {
        value: [
          environment({
            conditions: [
              { type: 'Ready', status: 'True' },
              { type: 'Warnings', status: 'True', message: 'headless' },
            ],
          }),
        ],
      },
    },
    /^warning environments: alice is ready: headless/,
  ],
  [
    'late sidecars',
    {
      environments: {
        value: [environment({ sidecars: { acknowledged: 1, connected: 2, total: 3, epoch: 9 } })],
      },
    },
    /^warning sidecars: those of alice .*: 2 of 3 are connected, 1 of 3 are at epoch 9/,
  ],
  [
    'a name that does not resolve',
    { hosts: [{ host: 'web--alice.example.com', addresses: { problem: 'no such name' } }] },
    /^error previews: web--alice\.example\.com resolves: no such name: add a wildcard record \*\.example\.com/,
  ],
  [
    'a certificate that ends soon',
    { hosts: [{ host: 'a.example.com', addresses: { value: [] }, validTo: { value: NOW + 3 * DAY } }] },
    /^warning previews: a\.example\.com has a valid certificate: it ends in 3 days/,
  ],
])('%s', (_, facts, message) => {
  const found = failed(facts)
  expect(found).toHaveLength(1)
  expect(found[0]).toMatch(message)
})

test('parts of another version, and parts that are not ready', () => {
  const [, relay] = (good.pods as { value: never[] }).value
  const pods = {
    value: [pod('branchline-manager-1', 'x/manager:0.0.9', false), relay as never, sidecar('0.0.9')],
  }
  expect(failed({ pods }).map((line) => line.replace(/: look.*|: upgrade.*|: inject.*/, ''))).toEqual([
    'error platform: the manager is ready: 0 of 1 pods are ready',
    'warning platform: it has the version of this command: it is 0.0.9, 0.1.0, and this command is 0.1.0',
    'warning sidecars: they have the version of this command: some are 0.0.9',
  ])
})

test('a relay elsewhere is no fault', () => {
  const [manager] = (good.pods as { value: never[] }).value
  expect(failed({ pods: { value: [manager as never] } })).toEqual([])
})

test('before an installation: an existing one is a warning', () => {
  const reviews = INSTALL_RIGHTS.map((right) => ({ right, allowed: { value: true } }))
  const lines = (facts: Partial<ClusterFacts>): string[] =>
    preChecks({ ...good, reviews, ...facts }).map(({ name, status }) => `${status} ${name}`)
  const free = { crds: { problem: 'x', status: 404 }, hosts: [] }
  expect(lines(free)).toEqual([
    'ok the API server of context dev answers',
    'ok its version is 1.30 or later',
    'ok you may install the platform',
    'ok namespace alice admits a pod with a sidecar (dry run)',
    'ok no other installation is there',
  ])
  expect(lines({ hosts: [] }).at(-1)).toBe('warning no other installation is there')
})

test('a failed check shows what was found, what to do and where to read on, within the width', () => {
  const results = clusterChecks({ ...good, leaseRenewedMs: { problem: 'no', status: 404 } }, '0.1.0', NOW)
  const { text, exitCode } = clusterReport(results, { width: 60, paint: (tone, sign) => `<${tone}${sign}>` })
  expect(exitCode).toBe(1)
  expect(text).toContain(
    '<bad×> one manager leads\n    there is no Lease\n    look at the log of the manager\n    see docs/troubleshooting.md#the-platform-is-not-ready\n',
  )
  expect(text).toMatch(/\n1 of 14 checks failed\n$/)
})

test('the reviewed rights and the tried pod are what the API server expects', () => {
  expect(accessReview({ verb: 'get', group: '', resource: 'pods/log', namespace: 'a' })).toMatchObject({
    spec: {
      resourceAttributes: { verb: 'get', group: '', resource: 'pods', subresource: 'log', namespace: 'a' },
    },
  })
  expect(sidecarPod('alice')).toMatchObject({
    kind: 'Pod',
    metadata: { namespace: 'alice' },
    spec: {
      initContainers: [{ name: 'branchline-sidecar', restartPolicy: 'Always' }],
      containers: [{ name: 'app' }],
    },
  })
})

test.each([
  ['KeyTaken', 'docs/operations.md#conditions'],
  ['OverrideUnavailable', 'docs/troubleshooting.md#the-branch-shows-the-baselines-version'],
  ['OverrideUnreached', 'docs/troubleshooting.md#the-branch-shows-the-baselines-version'],
])('an environment that is not ready because of %s has the page of its symptom', (reason, page) => {
  const conditions = [{ type: 'Ready', status: 'False', reason, message: 'x' }]
  const checks = clusterChecks(
    { ...good, environments: { value: [environment({ conditions })] } },
    '0.1.0',
    NOW,
  )
  expect(checks.find(({ name }) => name === 'alice is ready')?.page).toBe(page)
})
