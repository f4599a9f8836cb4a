import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { refuse, respond, ScriptedApi } from '@branchline/runtime/kubernetes/fixture/scripted-api'
import { expect, onTestFinished, test } from 'vitest'
import { ClusterTarget } from '../target/cluster.ts'
import { clusterFacts } from './cluster-facts.ts'

/** A target whose API server follows a script. */
async function scripted(): Promise<{ api: ScriptedApi; target: ClusterTarget }> {
  const api = await new ScriptedApi().listen()
  const folder = mkdtempSync(join(tmpdir(), 'branchline-facts-'))
  onTestFinished(async () => {
    await api.close()
    rmSync(folder, { recursive: true })
  })
  const file = join(folder, 'config')
  const cluster = { server: api.access().server, 'insecure-skip-tls-verify': true }
  const config = {
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'dev', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'dev',
  }
  writeFileSync(file, JSON.stringify(config))
  return { api, target: ClusterTarget.open({ kubeconfig: file }) }
}

test('reads what there is, and keeps why the rest cannot be read', async () => {
  const { api, target } = await scripted()
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  const crd = respond({
    spec: {
      versions: [
        { name: 'v1alpha1', served: true },
        { name: 'v1', served: false },
      ],
    },
  })
  const pods = 'POST /api/v1/namespaces/alice/pods'
  api.script('GET /version', respond({ gitVersion: 'v1.33.1' }))
  api
    .script(`GET ${crds}/environments.branchline.dev`, crd)
    .script(`GET ${crds}/previews.branchline.dev`, crd)
  api.script(
    'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    respond({ status: { allowed: true } }, 201),
  )
  api.script(
    'GET /apis/coordination.k8s.io/v1/namespaces/branchline-system/leases/branchline-manager',
    respond({ spec: { renewTime: '2026-11-21T10:00:00.123456Z' } }),
  )
  api.script(pods, refuse(403, { message: 'violates PodSecurity' }))
  const facts = await clusterFacts(target, {
    rights: [{ verb: 'list', group: '', resource: 'pods' }],
    namespaces: ['alice'],
    domain: 'localhost',
  })
  expect(facts).toMatchObject({
    version: { value: 'v1.33.1' },
    reviews: [{ allowed: { value: true } }],
    crds: { value: { environments: ['v1alpha1'], previews: ['v1alpha1'] } },
    leaseRenewedMs: { value: Date.parse('2026-11-21T10:00:00.123Z') },
    environments: { problem: expect.stringContaining('404') as string },
    dryRuns: [
      {
        namespace: 'alice',
        admitted: { problem: expect.stringContaining('violates PodSecurity') as string, status: 403 },
      },
    ],
    hosts: [{ host: 'branchline-check.localhost', addresses: { value: ['127.0.0.1'] } }],
  })
  expect(api.seen(pods)[0]?.query.get('dryRun')).toBe('All')
})

test('an API server that refuses everything leaves only reasons', async () => {
  const { target } = await scripted()
  const facts = await clusterFacts(target, { rights: [], namespaces: [] })
  const parts = [
    facts.version,
    facts.crds,
    facts.pods,
    facts.environments,
    facts.previews,
    facts.leaseRenewedMs,
  ]
  expect(parts.every((part) => 'problem' in part)).toBe(true)
})

test('a namespace that is being deleted is not tried, because it admits no pod', async () => {
  const { api, target } = await scripted()
  const environment = (name: string, reason: string): object => ({
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name, namespace: name },
    spec: { type: 'shared' },
    status: { conditions: [{ type: 'Ready', status: 'True', reason }] },
  })
  const items = [environment('alice', 'Routed'), environment('bob', 'Terminating')]
  const path = '/apis/branchline.dev/v1alpha1'
  const resources = [{ name: 'environments', kind: 'Environment', namespaced: true, verbs: ['list'] }]
  api.always(
    `GET ${path}`,
    respond({ kind: 'APIResourceList', groupVersion: 'branchline.dev/v1alpha1', resources }),
  )
  for (const kind of ['GET', 'LIST'])
    api.always(`${kind} ${path}/environments`, respond({ items, metadata: {} }))
  const { dryRuns } = await clusterFacts(target, { rights: [] })
  expect(dryRuns.map(({ namespace }) => namespace)).toEqual(['alice'])
})
