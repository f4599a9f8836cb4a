import assert from 'node:assert/strict'
import { branch } from '@branchline/gitops/shop/branch'
import { ALICE_PATH, BASELINE_PATH, BOB_PATH } from '../harness/shop.ts'
import { pathOf } from '../harness/visit.ts'
import { stopWithoutFailure, startMixedLoad } from './overrides.ts'
import type { Proof } from './proof.ts'

const CONNECTIONS = 16
const SLOW_MS = 1500
const LATER_REQUESTS = 5

export const fallback: Proof = {
  title:
    "without alice's api the baseline serves, and after its return alice's api serves again; no request fails",
  async prove(shop) {
    const { load, courses } = await startMixedLoad(shop, CONNECTIONS)
    courses.alice.paths = [ALICE_PATH, BASELINE_PATH]
    try {
      const slow = shop.visit('alice', { path: `/?slow=api&ms=${SLOW_MS}` })
      // Later requests have ended, so the slow request is waiting in the api.
      for (let later = 0; later < LATER_REQUESTS; later++) await shop.visit('alice')
      await shop.apply('alice', branch('alice', { base: 'baseline' }))
      const gone = await shop.takes('alice', BASELINE_PATH)
      courses.alice.paths = [BASELINE_PATH]
      assert.equal(
        pathOf(await slow),
        ALICE_PATH,
        'a request in flight finishes on the version on which it began',
      )
      courses.alice.paths = [ALICE_PATH, BASELINE_PATH]
      await shop.restore('alice')
      const back = await shop.takes('alice', ALICE_PATH)
      courses.alice.paths = [ALICE_PATH]
      await shop.takes('bob', BOB_PATH)
      return `fell back after ${gone} ms, returned after ${back} ms; ${await stopWithoutFailure(load)}`
    } finally {
      await load.stop()
      await shop.restore('alice')
    }
  },
}
