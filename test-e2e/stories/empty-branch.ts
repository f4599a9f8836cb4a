import assert from 'node:assert/strict'
import { branch } from '@branchline/gitops/shop/branch'
import { BASELINE_PATH } from '../harness/shop.ts'
import { fieldOf } from '../harness/visit.ts'
import { removeAll } from './chain.ts'
import type { Proof } from './proof.ts'

const NAMES = ['carol', 'dave', 'erin']

export const emptyBranch: Proof = {
  title: 'a branch without overrides serves its URL, and its key reaches the last service',
  async prove(shop) {
    const times: number[] = []
    try {
      for (const name of NAMES) {
        const startedAt = performance.now()
        await shop.apply(name, branch(name, { base: 'baseline' }))
        await shop.takes(name, BASELINE_PATH)
        times.push(Math.round(performance.now() - startedAt))
        const { hops } = await shop.visit(name, { path: '/?fields' })
        assert.equal(fieldOf(hops[2], 'tracestate'), `branchline=${name}`, 'its key reaches the last service')
      }
    } finally {
      await removeAll(shop, NAMES)
    }
    return `${times.join(', ')} ms`
  },
}
