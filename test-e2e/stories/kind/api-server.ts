import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { branch } from '@branchline/gitops/shop/branch'
import { MANAGER_SERVICE, PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { kube, kubeJson, run } from '../../harness/kind/cluster.ts'
import { BASELINE_PATH } from '../../harness/shop.ts'
import { until } from '../../harness/until.ts'
import { removeAll } from '../chain.ts'
import { stopWithoutFailure, startMixedLoad } from '../overrides.ts'
import type { Proof } from '../proof.ts'
import { hasReady } from './rollouts.ts'

const CONNECTIONS = 8
/** Longer than the leader's Lease (5 s), and than a sidecar or a watch waits without data (12 s). */
const OUTAGE_MS = 20_000
const API_TIMEOUT_MS = 90_000
const AFTERMATH_MS = 3000

/** A path at which the kubelet finds the API server's manifest, and one at which it does not. */
const THERE = '/etc/kubernetes/manifests/kube-apiserver.yaml'
const AWAY = '/etc/kubernetes/kube-apiserver.yaml'

async function inNode(node: string, ...command: readonly string[]): Promise<void> {
  const { code, stderr } = await run('docker', ['exec', node, ...command])
  assert.equal(code, 0, stderr)
}

async function apiAnswers(): Promise<void> {
  assert.equal(await kube('get', '--raw', '/readyz', '--request-timeout=2s'), 'ok')
}

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string }
    readonly status: { readonly containerStatuses?: readonly { readonly restartCount: number }[] }
  }[]
}

/** Returns the manager's pods with their restarts. */
async function managers(): Promise<Record<string, number>> {
  const { items } = await kubeJson<Pods>('-n', PLATFORM_NAMESPACE, 'get', 'pods')
  const restarts = items.map(({ metadata, status }) => [
    metadata.name,
    (status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
  ])
  return Object.fromEntries(restarts.filter(([name]) => String(name).startsWith(MANAGER_SERVICE))) as Record<
    string,
    number
  >
}

/** Stops the API server for a time. Resolves with the milliseconds that it did not respond. */
async function withoutApi(node: string): Promise<number> {
  const startedAt = performance.now()
  await inNode(node, 'mv', THERE, AWAY)
  try {
    await until('the API server is gone', () => assert.rejects(apiAnswers()), API_TIMEOUT_MS)
    await delay(OUTAGE_MS)
  } finally {
    await inNode(node, 'mv', AWAY, THERE)
  }
  await until('the API server answers', apiAnswers, API_TIMEOUT_MS)
  return Math.round(performance.now() - startedAt)
}

export const apiServerGone: Proof = {
  title:
    'the API server is away under load, for longer than any Lease: no failed request, no wrong hop; after its ' +
    'return a new branch serves, and no manager has restarted',
  // A single control plane needs time to return.
  timeoutMs: 300_000,
  async prove(shop) {
    await hasReady(PLATFORM_NAMESPACE, MANAGER_SERVICE, 2)
    const [node = ''] = (await kube('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ')
    const before = await managers()
    const { load } = await startMixedLoad(shop, CONNECTIONS)
    try {
      const awayMs = await withoutApi(node)
      const backAt = performance.now()
      await shop.apply('victor', branch('victor', { base: 'baseline' }))
      await shop.takes('victor', BASELINE_PATH)
      const branchMs = Math.round(performance.now() - backAt)
      await delay(AFTERMATH_MS)
      const result = await stopWithoutFailure(load)
      assert.deepEqual(await managers(), before)
      return `away for ${awayMs} ms, a new branch answers ${branchMs} ms after its return; ${result}`
    } finally {
      await load.stop()
      await removeAll(shop, ['victor'])
      // The scheduler and the controllers also lost their Leases, and the next story needs them.
      const controlPlane = [
        '-n',
        'kube-system',
        'wait',
        '--for=condition=Ready',
        'pod',
        '-l',
        'tier=control-plane',
      ]
      await kube(...controlPlane, '--timeout=90s')
    }
  },
}
