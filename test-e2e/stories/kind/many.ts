import assert from 'node:assert/strict'
import { branch } from '@branchline/gitops/shop/branch'
import { synthesise } from '@branchline/gitops/synth'
import { MANAGER_SERVICE, PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { kube, kubeWith } from '../../harness/kind/cluster.ts'
import { parseResponse } from '../../shop/hop.ts'
import { ALICE_PATH, BASELINE_PATH, type Shop } from '../../harness/shop.ts'
import { until } from '../../harness/until.ts'
import { visit, visitShop, pathOf } from '../../harness/visit.ts'
import type { Proof } from '../proof.ts'
import { hasReady } from './rollouts.ts'

const BRANCHES = 20
const OVERRIDING = 5
const GONE_TIMEOUT_MS = 60_000

const nameOf = (index: number): string => `pr-${100 + index}`
const pathThrough = (index: number): string =>
  index < OVERRIDING ? `web@baseline api@${nameOf(index)} worker@baseline` : BASELINE_PATH

export const manyBranches: Proof = {
  title: `${BRANCHES} branches applied at once, ${OVERRIDING} of them with an override: every URL takes the right path`,
  async prove(shop) {
    const texts = Array.from({ length: BRANCHES }, (_, index) => {
      const overrides = index < OVERRIDING ? { api: 'pr-7' } : {}
      return synthesise(branch(nameOf(index), { base: 'baseline', overrides }))
    })
    const manifests = texts.join('---\n')
    const startedAt = performance.now()
    const { code, stderr } = await kubeWith(manifests, 'apply', '--server-side', '-f', '-')
    assert.equal(code, 0, stderr)
    const appliedMs = Math.round(performance.now() - startedAt)
    try {
      const urlOf = await urlPattern(shop)
      const times: number[] = []
      for (let index = BRANCHES - 1; index >= 0; index--) {
        const right = async (): Promise<void> =>
          assert.equal(pathOf(await visitShop(urlOf(nameOf(index)))), pathThrough(index))
        await until(nameOf(index), right, shop.platform.changeTimeoutMs)
        times[index] = Math.round(performance.now() - startedAt)
      }
      const all = Math.max(...times)
      const empty = Math.max(...times.slice(OVERRIDING))
      return `applied after ${appliedMs} ms, all empty ones right after ${empty} ms, all after ${all} ms`
    } finally {
      const names = texts.map((_, index) => nameOf(index))
      await kube('delete', 'namespaces', '--wait=false', ...names)
    }
  },
}

/** Derives the URL of any branch's web from alice's, because twenty API requests would disturb the measurement. */
async function urlPattern(shop: Shop): Promise<(name: string) => string> {
  const url = await shop.url('alice')
  return (name) => url.replace('--alice', `--${name}`)
}

/** Checks that an environment is not reachable, by URL or by key. */
async function isRefused(shop: Shop, name: string, url: string): Promise<void> {
  const { status } = await visit(url)
  assert.equal(status, 404)
  const headers = { tracestate: `branchline=${name}` }
  const { body } = await shop.platform.inside('baseline', 'web', '/', headers)
  assert.equal(pathOf(parseResponse(body)), BASELINE_PATH)
}

/** Checks in addition that none of its objects exists. */
async function isGone(shop: Shop, name: string, url: string): Promise<void> {
  await isRefused(shop, name, url)
  const kinds = 'environments.branchline.dev,previews.branchline.dev,pods,services,deployments'
  assert.equal((await kube('get', kinds, '-n', name, '-o', 'name')).trim(), '')
}

export const namespaceDeleted: Proof = {
  title: 'a namespace is deleted: its URL returns 404 and its key has no effect, and no object remains',
  async prove(shop) {
    const name = 'laura'
    await shop.apply(name, branch(name, { base: 'baseline', overrides: { api: 'pr-7' } }))
    try {
      await shop.takes(name, `web@baseline api@${name} worker@baseline`)
      const url = await shop.url(name)
      const startedAt = performance.now()
      const deletion = kube('delete', 'namespace', name, '--timeout=90s')
      const refused = (): Promise<void> => isRefused(shop, name, url)
      const { ms } = await until('neither URL nor key', refused, shop.platform.changeTimeoutMs)
      await deletion
      const goneMs = Math.round(performance.now() - startedAt)
      await isGone(shop, name, url)
      return `404, and no key, after ${ms} ms, the namespace gone after ${goneMs} ms`
    } finally {
      await shop.remove(name)
    }
  },
}

export const deletedWithoutManager: Proof = {
  title: 'a namespace is deleted while no manager runs: nothing hangs, and returning managers learn of it',
  async prove(shop) {
    const name = 'mallory'
    const manager = ['-n', PLATFORM_NAMESPACE, 'scale', `deployment/${MANAGER_SERVICE}`]
    await shop.apply(name, branch(name, { base: 'baseline', overrides: { api: 'pr-7' } }))
    try {
      await shop.takes(name, `web@baseline api@${name} worker@baseline`)
      const url = await shop.url(name)
      await kube(...manager, '--replicas=0')
      await hasReady(PLATFORM_NAMESPACE, MANAGER_SERVICE, 0)
      const startedAt = performance.now()
      await kube('delete', 'namespace', name, '--timeout=90s')
      const ms = Math.round(performance.now() - startedAt)
      await kube(...manager, '--replicas=2')
      const gone = (): Promise<void> => isGone(shop, name, url)
      await until('nothing is left', gone, GONE_TIMEOUT_MS)
      await shop.takes('alice', ALICE_PATH)
      return `gone after ${ms} ms with no manager; all returned after ${Math.round(performance.now() - startedAt)} ms`
    } finally {
      await kube(...manager, '--replicas=2')
      await shop.remove(name)
      await hasReady(PLATFORM_NAMESPACE, MANAGER_SERVICE, 2)
    }
  },
}
