import assert from 'node:assert/strict'
import { branch } from '@branchline/gitops/shop/branch'
import type { Shop } from '../harness/shop.ts'
import { until } from '../harness/until.ts'
import type { Proof } from './proof.ts'

const REFUSAL_TIMEOUT_MS = 30_000

export const branchOfBranch: Proof = {
  title: 'a branch of a branch: web (alice-ui), api (alice), worker (baseline), and one more level',
  async prove(shop) {
    await shop.apply('alice-ui', branch('alice-ui', { base: 'alice', overrides: { web: 'ui-1' } }))
    try {
      await shop.takes('alice-ui', 'web@alice-ui api@alice worker@baseline')
      await shop.apply(
        'alice-worker',
        branch('alice-worker', {
          base: 'alice-ui',
          above: ['alice-ui', 'alice', 'baseline'],
          overrides: { worker: 'w-1' },
        }),
      )
      await shop.takes('alice-worker', 'web@alice-ui api@alice worker@alice-worker')
      return undefined
    } finally {
      await removeAll(shop, ['alice-worker', 'alice-ui'])
    }
  },
}

export const fourthLevel: Proof = {
  title: 'a fourth level above the baseline is refused with a sentence, and everything else keeps running',
  async prove(shop) {
    const chain = { one: 'alice', two: 'one', three: 'two' }
    for (const [name, base] of Object.entries(chain)) await shop.apply(name, branch(name, { base }))
    try {
      await shop.takes('two', 'web@baseline api@alice worker@baseline')
      const refusal = async (): Promise<string> => {
        const found = [await shop.platform.message('three'), ...(await shop.platform.problems())]
        const sentence = found.find((text) => text !== undefined && /three/.test(text))
        assert.ok(sentence, `no message names three: ${JSON.stringify(found)}`)
        return sentence
      }
      const { value } = await until('the sentence', refusal, REFUSAL_TIMEOUT_MS)
      return value
    } finally {
      await removeAll(shop, Object.keys(chain).toReversed())
    }
  },
}

/** Removes environments without waiting, because later steps do not depend on them. */
export async function removeAll(shop: Shop, names: readonly string[]): Promise<void> {
  for (const name of names) await shop.remove(name).catch(() => undefined)
}
