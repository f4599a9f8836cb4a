import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { branch } from '@branchline/gitops/shop/branch'
import { MANAGER_SERVICE, PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { MANAGER_LEASE } from '@branchline/wire/permissions'
import { kube, run } from '../../harness/kind/cluster.ts'
import { ALICE_PATH, BASELINE_PATH, BOB_PATH, type Shop } from '../../harness/shop.ts'
import { until } from '../../harness/until.ts'
import { removeAll } from '../chain.ts'
import { stopWithoutFailure, startMixedLoad } from '../overrides.ts'
import type { Proof } from '../proof.ts'
import { hasReady } from './rollouts.ts'

const CONNECTIONS = 8
const LEAD_TIMEOUT_MS = 30_000
const AFTERMATH_MS = 3000

/** Returns the name of a running pod of a Deployment. */
async function podOf(namespace: string, deployment: string): Promise<string> {
  const path = '{range .items[?(@.status.phase=="Running")]}{.metadata.name}{"\\n"}{end}'
  const names = (await kube('-n', namespace, 'get', 'pods', '-o', `jsonpath=${path}`)).split('\n')
  const name = names.find((one) => one.startsWith(`${deployment}-`))
  assert.ok(name, `no pod of ${namespace}/${deployment} runs`)
  return name
}

const gracefully: readonly string[] = ['--wait=true']
const atOnce: readonly string[] = ['--grace-period=0', '--force']

/** Deletes one of two pods of alice's api and of the baseline's worker, under load. */
async function deletePods(shop: Shop, how: readonly string[], maxFailed: number): Promise<string> {
  await kube('-n', 'alice', 'scale', 'deployment/api', '--replicas=2')
  await kube('-n', 'baseline', 'scale', 'deployment/worker', '--replicas=2')
  await hasReady('alice', 'api', 2)
  await hasReady('baseline', 'worker', 2)
  const { load, courses } = await startMixedLoad(shop, CONNECTIONS)
  courses.alice.paths = [ALICE_PATH, BASELINE_PATH]
  try {
    const startedAt = performance.now()
    await kube('-n', 'alice', 'delete', 'pod', await podOf('alice', 'api'), ...how)
    await kube('-n', 'baseline', 'delete', 'pod', await podOf('baseline', 'worker'), ...how)
    await hasReady('alice', 'api', 2)
    await hasReady('baseline', 'worker', 2)
    const ms = Math.round(performance.now() - startedAt)
    const { requests, wrong, failed, samples } = await load.stop()
    assert.ok(wrong === 0 && failed <= maxFailed, `${wrong} wrong, ${failed} failed:\n${samples.join('\n')}`)
    return `two again after ${ms} ms; ${requests} requests, 0 wrong, ${failed} failed`
  } finally {
    await load.stop()
    await kube('-n', 'alice', 'scale', 'deployment/api', '--replicas=1')
    await kube('-n', 'baseline', 'scale', 'deployment/worker', '--replicas=1')
    await hasReady('alice', 'api', 1)
    await hasReady('baseline', 'worker', 1)
  }
}

export const podDeleted: Proof = {
  title: 'one of two pods is deleted gracefully under load: no failed request',
  prove: (shop) => deletePods(shop, gracefully, 0),
}

export const podKilled: Proof = {
  title: 'one of two pods is deleted by force under load: no wrong hop, and only its running requests fail',
  // A killed program fails its running requests, and others learn of its death a moment later.
  prove: (shop) => deletePods(shop, atOnce, CONNECTIONS),
}

export const onlyPodDeleted: Proof = {
  title: 'the only pod of an override is deleted by force under load: the baseline serves, nothing fails',
  async prove(shop) {
    const { load, courses } = await startMixedLoad(shop, CONNECTIONS)
    courses.alice.paths = [ALICE_PATH, BASELINE_PATH]
    try {
      await kube('-n', 'alice', 'delete', 'pod', await podOf('alice', 'api'), ...atOnce)
      const startedAt = performance.now()
      await hasReady('alice', 'api', 1)
      await shop.takes('alice', ALICE_PATH)
      const ms = Math.round(performance.now() - startedAt)
      return `alice's api back after ${ms} ms; ${await stopWithoutFailure(load)}`
    } finally {
      await load.stop()
    }
  },
}

/** Returns the holder of the Lease. Its identity begins with the name of its pod. */
async function leader(): Promise<string> {
  const path = 'jsonpath={.spec.holderIdentity}'
  const holder = await kube('-n', PLATFORM_NAMESPACE, 'get', 'lease', MANAGER_LEASE, '-o', path)
  assert.ok(holder, 'the Lease has no holder')
  return holder
}

/**
 * Deletes the leading pod under load. Returns when another pod led, and when a new branch had its URL. Every replica has a
 * tunnel, so no request fails.
 */
async function deposeLeader(shop: Shop, how: readonly string[]): Promise<string> {
  await hasReady(PLATFORM_NAMESPACE, MANAGER_SERVICE, 2)
  const before = await leader()
  const pods = (await kube('-n', PLATFORM_NAMESPACE, 'get', 'pods', '-o', 'name')).split('\n')
  const pod = pods.map((name) => name.replace('pod/', '')).find((name) => name && before.startsWith(name))
  assert.ok(pod, `${before} is not a pod`)
  const { load } = await startMixedLoad(shop, CONNECTIONS)
  const startedAt = performance.now()
  const deletion = kube('-n', PLATFORM_NAMESPACE, 'delete', 'pod', pod, ...how)
  try {
    const other = async (): Promise<void> => assert.notEqual(await leader(), before)
    await until('another leader', other, LEAD_TIMEOUT_MS)
    const ledMs = Math.round(performance.now() - startedAt)
    await shop.apply('judy', branch('judy', { base: 'alice' }))
    await shop.takes('judy', ALICE_PATH, LEAD_TIMEOUT_MS)
    const branchMs = Math.round(performance.now() - startedAt)
    await deletion
    await hasReady(PLATFORM_NAMESPACE, MANAGER_SERVICE, 2)
    return `another one leads after ${ledMs} ms, a new branch after ${branchMs} ms; ${await stopWithoutFailure(load)}`
  } finally {
    await deletion
    await load.stop()
    await removeAll(shop, ['judy'])
    await hasReady(PLATFORM_NAMESPACE, MANAGER_SERVICE, 2)
  }
}

export const leaderDeleted: Proof = {
  title: 'the leading manager is deleted under load: the other one leads, and nothing fails',
  prove: (shop) => deposeLeader(shop, gracefully),
}

export const leaderKilled: Proof = {
  title: 'the leading manager is deleted by force under load: the other one leads, and nothing fails',
  prove: (shop) => deposeLeader(shop, atOnce),
}

/** Returns the addresses of all Services. Kubernetes refuses calls of a Service if none of its pods is ready. */
async function clusterAddresses(): Promise<Set<string>> {
  return new Set(
    (await kube('get', 'services', '-A', '-o', 'jsonpath={.items[*].spec.clusterIP}')).split(' '),
  )
}

export const kubeletRestarted: Proof = {
  title:
    "a node's kubelet is restarted under load: no wrong hop, and nothing fails but what Kubernetes itself refuses",
  async prove(shop) {
    const path = 'jsonpath={.items[*].metadata.name}'
    const [node = ''] = (await kube('get', 'nodes', '-o', path)).split(' ')
    const services = await clusterAddresses()
    const { load, courses } = await startMixedLoad(shop, CONNECTIONS)
    // A starting kubelet reports all pods as not ready until it has probed them. Then the baseline serves the overrides'
    // requests, and its pods get requests although they are not ready. But kube-proxy refuses calls of a Service's
    // address while no pod is ready.
    courses.alice.paths = [ALICE_PATH, BASELINE_PATH]
    courses.bob.paths = [BOB_PATH, BASELINE_PATH]
    try {
      const startedAt = performance.now()
      const { code, stderr } = await run('docker', ['exec', node, 'systemctl', 'restart', 'kubelet'])
      assert.equal(code, 0, stderr)
      await kube('wait', '--for=condition=Ready', `node/${node}`, '--timeout=60s')
      const ms = Math.round(performance.now() - startedAt)
      await delay(AFTERMATH_MS)
      await shop.takes('alice', ALICE_PATH)
      await shop.takes('bob', BOB_PATH)
      const { requests, wrong, failed, samples } = await load.stop()
      const refusedAt = (line: string) => /connect ECONNREFUSED ([\d.]+):\d+/.exec(line)?.[1] ?? ''
      const other = samples.filter((line) => !services.has(refusedAt(line)))
      assert.deepEqual([wrong, other], [0, []])
      return `kubelet of ${node} back after ${ms} ms; ${requests} requests, 0 wrong, ${failed} refused by kube-proxy`
    } finally {
      await load.stop()
    }
  },
}
