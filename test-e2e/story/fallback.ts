import assert from 'node:assert/strict'
import { branch } from '@branchline/gitops/shop/branch'
import { ALICE_WAY, BASELINE_WAY, BOB_WAY } from '../harness/shop.ts'
import { wayOf } from '../harness/visit.ts'
import { endFaultless, startMixedLoad } from './overrides.ts'
import type { Proof } from './proof.ts'

const CONNECTIONS = 16
const SLOW_MS = 1500
const LATER_REQUESTS = 5

export const fallback: Proof = {
  title: "removing alice's api falls back to the baseline, putting it back returns; no request fails",
  async prove(shop) {
    const { load, courses } = await startMixedLoad(shop, CONNECTIONS)
    courses.alice.ways = [ALICE_WAY, BASELINE_WAY]
    try {
      const slow = shop.visit('alice', { path: `/?slow=api&ms=${SLOW_MS}` })
      // Requests sent later have come and gone: that one is where it waits.
      for (let later = 0; later < LATER_REQUESTS; later++) await shop.visit('alice')
      await shop.apply('alice', branch('alice', { base: 'baseline' }))
      const gone = await shop.takes('alice', BASELINE_WAY)
      courses.alice.ways = [BASELINE_WAY]
      assert.equal(wayOf(await slow), ALICE_WAY, 'a request in flight finishes where it began')
      courses.alice.ways = [ALICE_WAY, BASELINE_WAY]
      await shop.restore('alice')
      const back = await shop.takes('alice', ALICE_WAY)
      courses.alice.ways = [ALICE_WAY]
      await shop.takes('bob', BOB_WAY)
      return `fell back after ${gone} ms, returned after ${back} ms; ${await endFaultless(load)}`
    } finally {
      await load.stop()
      await shop.restore('alice')
    }
  },
}
