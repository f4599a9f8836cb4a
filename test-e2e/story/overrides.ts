import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type Load, startLoad } from '../harness/load.ts'
import { ALICE_WAY, BASELINE_WAY, BOB_WAY, type Shop } from '../harness/shop.ts'
import { wayOf } from '../harness/visit.ts'
import type { Proof } from './proof.ts'

export const alicesApi: Proof = {
  title: 'alice overrides api alone: web (baseline), api (alice), worker (baseline)',
  async prove(shop) {
    const answer = await shop.visit('alice')
    assert.equal(wayOf(answer), ALICE_WAY)
    assert.equal(answer.hops[1]?.version, 'pr-7')
    return undefined
  },
}

export const bobsWorker: Proof = {
  title: 'bob overrides worker alone: web (baseline), api (baseline), worker (bob), and the same database',
  async prove(shop) {
    const answer = await shop.visit('bob')
    assert.equal(wayOf(answer), BOB_WAY)
    assert.equal(answer.hops[3]?.environment, 'baseline')
    return undefined
  },
}

/** Visits of the baseline, alice and bob, mixed over the same connections. */
export async function startMixedLoad(
  shop: Shop,
  connections: number,
): Promise<{
  load: Load
  courses: Record<'baseline' | 'alice' | 'bob', { url: string; ways: readonly string[] }>
}> {
  const courses = {
    baseline: { url: await shop.url('baseline'), ways: [BASELINE_WAY] },
    alice: { url: await shop.url('alice'), ways: [ALICE_WAY] },
    bob: { url: await shop.url('bob'), ways: [BOB_WAY] },
  }
  return { load: startLoad(Object.values(courses), connections), courses }
}

/** Ends a load and throws where a single request of it was wrong or failed. */
export async function endFaultless(load: Load): Promise<string> {
  const { requests, wrong, failed, samples, seconds } = await load.stop()
  assert.equal(wrong + failed, 0, `${wrong} wrong, ${failed} failed of ${requests}:\n${samples.join('\n')}`)
  return `${requests} requests in ${seconds} s, 0 wrong, 0 failed`
}

const MIXED_MS = 3000
const MIXED_CONNECTIONS = 16

export const mixed: Proof = {
  title: `all three mixed over the same ${MIXED_CONNECTIONS} keep-alive connections: never one wrong hop`,
  async prove(shop) {
    const { load } = await startMixedLoad(shop, MIXED_CONNECTIONS)
    await delay(MIXED_MS)
    return endFaultless(load)
  },
}
