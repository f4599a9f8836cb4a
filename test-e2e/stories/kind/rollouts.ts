import assert from 'node:assert/strict'
import { branch } from '@branchline/gitops/shop/branch'
import { kube, kubeJson } from '../../harness/kind/cluster.ts'
import { ALICE_PATH, BASELINE_PATH } from '../../harness/shop.ts'
import { until } from '../../harness/until.ts'
import { stopWithoutFailure, startMixedLoad } from '../overrides.ts'
import type { Proof } from '../proof.ts'

const CONNECTIONS = 8
const ROLLOUT = '--timeout=90s'
const READY_TIMEOUT_MS = 60_000

/** Waits until a Deployment is rolled out, without old pods. */
const rolledOut = (namespace: string, deployment: string): Promise<string> =>
  kube('-n', namespace, 'rollout', 'status', `deployment/${deployment}`, ROLLOUT)

interface Deployment {
  readonly status: { readonly replicas?: number; readonly readyReplicas?: number }
}

/** Waits until a Deployment has exactly this number of pods, all ready. */
export async function hasReady(namespace: string, deployment: string, count: number): Promise<void> {
  const ready = async (): Promise<void> => {
    const { status } = await kubeJson<Deployment>('-n', namespace, 'get', 'deployment', deployment)
    assert.deepEqual([status.readyReplicas ?? 0, status.replicas ?? 0], [count, count])
  }
  await until(`${namespace}/${deployment} has ${count} pods`, ready, READY_TIMEOUT_MS)
}

export const rollingOverride: Proof = {
  title: 'an override of two replicas rolls to another version under load: no failed request, no wrong hop',
  async prove(shop) {
    await kube('-n', 'bob', 'scale', 'deployment/worker', '--replicas=2')
    await hasReady('bob', 'worker', 2)
    const { load } = await startMixedLoad(shop, CONNECTIONS)
    try {
      const startedAt = performance.now()
      await kube('-n', 'bob', 'set', 'image', 'deployment/worker', 'worker=shop/worker:pr-9')
      await rolledOut('bob', 'worker')
      await hasReady('bob', 'worker', 2)
      const ms = Math.round(performance.now() - startedAt)
      return `rolled in ${ms} ms; ${await stopWithoutFailure(load)}`
    } finally {
      await load.stop()
      await shop.apply('bob', branch('bob', { base: 'baseline', overrides: { worker: 'w-1' } }))
      await shop.serves('bob', 'worker', 'w-1')
      await shop.restore('bob')
      await shop.serves('bob', 'worker', 'pr-8')
      await rolledOut('bob', 'worker')
    }
  },
}

export const rollingBaseline: Proof = {
  title: 'every service of the baseline is restarted under load: no failed request, no wrong hop',
  async prove(shop) {
    const { load } = await startMixedLoad(shop, CONNECTIONS)
    try {
      const times: string[] = []
      for (const service of ['web', 'api', 'worker']) {
        const startedAt = performance.now()
        await kube('-n', 'baseline', 'rollout', 'restart', `deployment/${service}`)
        await rolledOut('baseline', service)
        times.push(`${service} ${Math.round(performance.now() - startedAt)} ms`)
      }
      await hasReady('baseline', 'worker', 1)
      return `${times.join(', ')}; ${await stopWithoutFailure(load)}`
    } finally {
      await load.stop()
    }
  },
}

export const scaledToZero: Proof = {
  title: 'an override is scaled to zero and back under load: the baseline serves meanwhile, nothing fails',
  async prove(shop) {
    const { load, courses } = await startMixedLoad(shop, CONNECTIONS)
    try {
      courses.alice.paths = [ALICE_PATH, BASELINE_PATH]
      const startedAt = performance.now()
      await kube('-n', 'alice', 'scale', 'deployment/api', '--replicas=0')
      await shop.takes('alice', BASELINE_PATH)
      const awayMs = Math.round(performance.now() - startedAt)
      courses.alice.paths = [BASELINE_PATH]
      courses.alice.paths = [ALICE_PATH, BASELINE_PATH]
      const backAt = performance.now()
      await kube('-n', 'alice', 'scale', 'deployment/api', '--replicas=1')
      await shop.takes('alice', ALICE_PATH)
      const backMs = Math.round(performance.now() - backAt)
      await rolledOut('alice', 'api')
      return `served by the baseline after ${awayMs} ms, by alice again after ${backMs} ms; ${await stopWithoutFailure(load)}`
    } finally {
      await load.stop()
      await kube('-n', 'alice', 'scale', 'deployment/api', '--replicas=1')
    }
  },
}
