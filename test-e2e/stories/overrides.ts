import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type Load, startLoad } from '../harness/load.ts'
import { ALICE_PATH, BASELINE_PATH, BOB_PATH, type Shop } from '../harness/shop.ts'
import { pathOf } from '../harness/visit.ts'
import type { Proof } from './proof.ts'

export const alicesApi: Proof = {
  title: 'alice overrides only api: web (baseline), api (alice), worker (baseline)',
  async prove(shop) {
    const answer = await shop.visit('alice')
    assert.equal(pathOf(answer), ALICE_PATH)
    assert.equal(answer.hops[1]?.version, 'pr-7')
    return undefined
  },
}

export const bobsWorker: Proof = {
  title: 'bob overrides only worker: web (baseline), api (baseline), worker (bob), and the same database',
  async prove(shop) {
    const answer = await shop.visit('bob')
    assert.equal(pathOf(answer), BOB_PATH)
    assert.equal(answer.hops[3]?.environment, 'baseline')
    return undefined
  },
}

/** Starts visits of the baseline, alice and bob, mixed over the same connections. */
export async function startMixedLoad(
  shop: Shop,
  connections: number,
): Promise<{
  load: Load
  courses: Record<'baseline' | 'alice' | 'bob', { url: string; paths: readonly string[] }>
}> {
  const courses = {
    baseline: { url: await shop.url('baseline'), paths: [BASELINE_PATH] },
    alice: { url: await shop.url('alice'), paths: [ALICE_PATH] },
    bob: { url: await shop.url('bob'), paths: [BOB_PATH] },
  }
  return { load: startLoad(Object.values(courses), connections), courses }
}

/** Stops a load, and throws if any request was wrong or failed. */
export async function stopWithoutFailure(load: Load): Promise<string> {
  const { requests, wrong, failed, samples, seconds } = await load.stop()
  assert.equal(wrong + failed, 0, `${wrong} wrong, ${failed} failed of ${requests}:\n${samples.join('\n')}`)
  return `${requests} requests in ${seconds} s, 0 wrong, 0 failed`
}

const MIXED_MS = 3000
const MIXED_CONNECTIONS = 16

export const mixed: Proof = {
  title: `all three mixed over the same ${MIXED_CONNECTIONS} keep-alive connections: no wrong hop`,
  async prove(shop) {
    const { load } = await startMixedLoad(shop, MIXED_CONNECTIONS)
    await delay(MIXED_MS)
    return stopWithoutFailure(load)
  },
}
