import { branch } from '@branchline/gitops/shop/branch'
import { ALICE_PATH, BASELINE_PATH, type Shop } from '../harness/shop.ts'
import type { Course } from '../harness/load.ts'
import { stopWithoutFailure, startMixedLoad } from './overrides.ts'
import type { Proof } from './proof.ts'

/** Visits all branches over many connections for a time, while routes change without a pause. */
export const churn = (connections: number, seconds: number): Proof => ({
  title: `${connections} connections of mixed branches for ${seconds} s while routes change: no wrong hop, no failure`,
  async prove(shop) {
    const { load, courses } = await startMixedLoad(shop, connections)
    const until = performance.now() + seconds * 1000
    let changes = 0
    try {
      while (performance.now() < until) {
        for (const change of [emptyBranch, withoutApi, newVersion]) {
          changes += await change(shop, courses)
          if (performance.now() > until) break
        }
      }
      return `${changes} changes, ${await stopWithoutFailure(load)}`
    } finally {
      await load.stop()
      await shop.restore('alice')
      await shop.restore('bob')
    }
  },
})

type Courses = Record<'baseline' | 'alice' | 'bob', Course>

/** A branch comes and goes. */
async function emptyBranch(shop: Shop): Promise<number> {
  await shop.apply('ivan', branch('ivan', { base: 'alice' }))
  await shop.takes('ivan', ALICE_PATH)
  await shop.remove('ivan')
  return 2
}

/** Alice's override is removed and restored. */
async function withoutApi(shop: Shop, { alice }: Courses): Promise<number> {
  alice.paths = [ALICE_PATH, BASELINE_PATH]
  await shop.apply('alice', branch('alice', { base: 'baseline' }))
  await shop.takes('alice', BASELINE_PATH)
  alice.paths = [BASELINE_PATH]
  alice.paths = [ALICE_PATH, BASELINE_PATH]
  await shop.restore('alice')
  await shop.takes('alice', ALICE_PATH)
  alice.paths = [ALICE_PATH]
  return 2
}

/** Bob's override gets another version and returns to the old one. Pods roll, and the path stays the same. */
async function newVersion(shop: Shop): Promise<number> {
  await shop.apply('bob', branch('bob', { base: 'baseline', overrides: { worker: 'pr-9' } }))
  await shop.serves('bob', 'worker', 'pr-9')
  await shop.restore('bob')
  await shop.serves('bob', 'worker', 'pr-8')
  return 2
}
