import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { branch } from '@branchline/gitops/shop/branch'
import { COORDINATOR_SERVICE, PLATFORM_NAMESPACE, RELAY_SERVICE } from '@branchline/wire/names'
import { kube } from '../../harness/kind/cluster.ts'
import { podNamed } from '../../harness/kind/probes.ts'
import { ALICE_PATH, type Shop } from '../../harness/shop.ts'
import { removeAll } from '../chain.ts'
import { stopWithoutFailure, startMixedLoad } from '../overrides.ts'
import type { Proof } from '../proof.ts'
import { hasReady } from './rollouts.ts'

const CONNECTIONS = 8
/** How long a change is given to wrongly take effect without a coordinator. */
const WITHOUT_MS = 3000
const TIMEOUT_MS = 240_000

/** Selects the pods of coordinators, also those that are ending. */
const COORDINATORS = 'app.kubernetes.io/component=coordinator'

const scale = (replicas: number): Promise<string> =>
  kube('-n', PLATFORM_NAMESPACE, 'scale', `deployment/${COORDINATOR_SERVICE}`, `--replicas=${replicas}`)

/** Deletes one of two pods of a Deployment under load, and waits until there are two again. */
async function deleteOne(shop: Shop, deployment: string): Promise<string> {
  await hasReady(PLATFORM_NAMESPACE, deployment, 2)
  const { load } = await startMixedLoad(shop, CONNECTIONS)
  try {
    const startedAt = performance.now()
    const { name } = await podNamed(PLATFORM_NAMESPACE, `${deployment}-`)
    await kube('-n', PLATFORM_NAMESPACE, 'delete', 'pod', name, '--wait=true')
    const goneMs = Math.round(performance.now() - startedAt)
    await hasReady(PLATFORM_NAMESPACE, deployment, 2)
    return `${name} gone after ${goneMs} ms; ${await stopWithoutFailure(load)}`
  } finally {
    await load.stop()
  }
}

export const workerDeleted: Proof = {
  title: 'one of two workers is deleted under load: no request fails, also after its drain',
  timeoutMs: TIMEOUT_MS,
  prove: (shop) => deleteOne(shop, RELAY_SERVICE),
}

export const coordinatorDeleted: Proof = {
  title: 'one of two coordinators is deleted under load: nothing fails, and a new branch gets its URL',
  timeoutMs: TIMEOUT_MS,
  async prove(shop) {
    const deleted = await deleteOne(shop, COORDINATOR_SERVICE)
    try {
      await shop.apply('judy', branch('judy', { base: 'alice' }))
      return `${deleted}; a new branch after ${await shop.takes('judy', ALICE_PATH)} ms`
    } finally {
      await removeAll(shop, ['judy'])
    }
  },
}

export const coordinatorsGone: Proof = {
  title: 'without any coordinator traffic continues, and a new branch waits for its URL until one is back',
  timeoutMs: TIMEOUT_MS,
  async prove(shop) {
    const { load } = await startMixedLoad(shop, CONNECTIONS)
    try {
      await scale(0)
      await kube('-n', PLATFORM_NAMESPACE, 'wait', '--for=delete', 'pod', '-l', COORDINATORS, '--timeout=60s')
      await shop.apply('mallory', branch('mallory', { base: 'alice' }))
      await delay(WITHOUT_MS)
      await assert.rejects(shop.platform.previewUrl('mallory', 'web', WITHOUT_MS))
      const startedAt = performance.now()
      await scale(2)
      await shop.takes('mallory', ALICE_PATH)
      const ms = Math.round(performance.now() - startedAt)
      await hasReady(PLATFORM_NAMESPACE, COORDINATOR_SERVICE, 2)
      return `the new branch ${ms} ms after the coordinators were started; ${await stopWithoutFailure(load)}`
    } finally {
      await load.stop()
      await scale(2)
      await removeAll(shop, ['mallory'])
      await hasReady(PLATFORM_NAMESPACE, COORDINATOR_SERVICE, 2)
    }
  },
}
