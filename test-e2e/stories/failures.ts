import assert from 'node:assert/strict'
import { branch } from '@branchline/gitops/shop/branch'
import { MANAGER_SERVICE, PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { ALICE_PATH, BASELINE_PATH, type Shop } from '../harness/shop.ts'
import type { PodProcess } from '../harness/target.ts'
import { until } from '../harness/until.ts'
import { visit, pathOf } from '../harness/visit.ts'
import { parseResponse } from '../shop/hop.ts'
import { removeAll } from './chain.ts'
import type { Proof } from './proof.ts'

const RESPONSE_LIMIT_MS = 8000
const RECOVERY_TIMEOUT_MS = 30_000
const MANAGER_GONE_VISITS = 50

export const unknownKey: Proof = {
  title: 'the baseline serves a key that names no environment, and an unknown host gets a 404 with a page',
  async prove(shop) {
    const answer = await shop.visit('baseline', { path: '/?send=branchline%3Dnobody' })
    assert.equal(pathOf(answer), BASELINE_PATH)
    const url = (await shop.url('baseline')).replace('web--baseline', 'web--nobody')
    const unknown = async (): Promise<void> => {
      const { status, body } = await visit(url, { headers: { accept: 'text/html' } })
      assert.match(body, /<html/i)
      assert.equal(status, 404, body)
    }
    // A relay that has just started returns 503, because the cluster of the host may not have returned yet.
    await until('a 404', unknown, RECOVERY_TIMEOUT_MS)
    return undefined
  },
}

export const deadOverride: Proof = {
  title: 'an override that never runs: by its rule the baseline serves or a 502 names it, and nothing hangs',
  async prove(shop) {
    const overrides = { api: 'broken' }
    await shop.apply('frank', branch('frank', { base: 'baseline', overrides }))
    await shop.apply('grace', branch('grace', { base: 'baseline', overrides, onUnavailable: 'fail' }))
    try {
      const startedAt = performance.now()
      await shop.takes('frank', BASELINE_PATH)
      const url = await shop.url('grace')
      const refused = async (): Promise<string> => {
        const { status, body } = await visit(url, { timeoutMs: RESPONSE_LIMIT_MS })
        assert.equal(status, 502, body)
        assert.match(body, /grace/)
        assert.match(body, /api/)
        return body
      }
      await until('the 502', refused, RECOVERY_TIMEOUT_MS)
      return `both by rule after ${Math.round(performance.now() - startedAt)} ms`
    } finally {
      await removeAll(shop, ['frank', 'grace'])
    }
  },
}

/** Kills all processes of this kind together, when none of them is starting or stopping. */
async function killAll(shop: Shop, namespace: string, prefix: string): Promise<void> {
  const { value } = await until(prefix, () => find(shop, namespace, prefix), RECOVERY_TIMEOUT_MS)
  await Promise.all(value.map((process) => shop.platform.kill(process)))
}

async function find(shop: Shop, namespace: string, prefix: string): Promise<readonly PodProcess[]> {
  const found = (await shop.platform.processes()).filter(
    (one) => one.namespace === namespace && one.pod.startsWith(prefix) && !/sidecar/.test(one.container),
  )
  assert.ok(
    found.length > 0 && found.every(({ running }) => running),
    `${found.length} of ${prefix}, not all run`,
  )
  return found
}

export const killedOverride: Proof = {
  title: "alice's api is killed: the baseline serves immediately, and alice's api returns automatically",
  async prove(shop) {
    const url = await shop.url('alice')
    await killAll(shop, 'alice', 'api-')
    const startedAt = performance.now()
    const first = async (): Promise<string> => {
      const answer = await visit(url, { timeoutMs: RESPONSE_LIMIT_MS })
      if (answer.status === 200) return pathOf(parseResponse(answer.body))
      // The process had received this request before it ended, so no other version may respond.
      assert.equal(answer.status, 502, answer.body)
      assert.match(answer.body, /alice/)
      return pathOf(await shop.visit('alice', { timeoutMs: RESPONSE_LIMIT_MS }))
    }
    const path = await first()
    const ms = Math.round(performance.now() - startedAt)
    assert.ok([BASELINE_PATH, ALICE_PATH].includes(path), path)
    const back = await shop.takes('alice', ALICE_PATH, RECOVERY_TIMEOUT_MS)
    return `first response (${path.split(' ')[1]}) after ${ms} ms, alice's api back after ${back} ms`
  },
}

export const killedManager: Proof = {
  title: 'the manager is killed: sidecars keep their tables, URLs respond or state why not, and all recovers',
  async prove(shop) {
    await killAll(shop, PLATFORM_NAMESPACE, MANAGER_SERVICE)
    const statuses = new Set<number>()
    for (let count = 0; count < MANAGER_GONE_VISITS; count++) {
      const headers = { tracestate: 'branchline=alice' }
      const { status, body } = await shop.platform.inside('baseline', 'web', '/', headers)
      assert.equal(status, 200, body)
      assert.equal(pathOf(parseResponse(body)), ALICE_PATH)
      if (count % 10 === 0) {
        const preview = await visit(await shop.url('alice'), { timeoutMs: RESPONSE_LIMIT_MS })
        assert.ok([200, 502, 503, 504].includes(preview.status), `${preview.status}: ${preview.body}`)
        statuses.add(preview.status)
      }
    }
    const back = await shop.takes('alice', ALICE_PATH, RECOVERY_TIMEOUT_MS)
    await shop.apply('heidi', branch('heidi', { base: 'alice' }))
    await shop.takes('heidi', ALICE_PATH, RECOVERY_TIMEOUT_MS)
    await removeAll(shop, ['heidi'])
    return `URLs returned ${[...statuses].join(', ')} meanwhile, and served again after ${back} ms`
  },
}
