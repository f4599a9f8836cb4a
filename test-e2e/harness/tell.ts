import { afterAll, beforeAll, test } from 'vitest'
import type { Proof } from '../story/proof.ts'
import { embedded } from './embedded.ts'
import { keepEvidence } from './evidence.ts'
import { kind } from './kind/kind.ts'
import { Shop } from './shop.ts'
import type { Target } from './target.ts'

const STOP_TIMEOUT_MS = 60_000

const TARGETS: Readonly<Record<string, Target>> = { embedded, kind }

/** The target that BRANCHLINE_TARGET names. Default: `embedded`. */
export function chosenTarget(name = process.env.BRANCHLINE_TARGET ?? 'embedded'): Target {
  const target = TARGETS[name]
  if (target !== undefined) return target
  throw new Error(`BRANCHLINE_TARGET=${name}: wanted one of ${Object.keys(TARGETS).join(', ')}`)
}

/** Makes a test of each proof, on one running shop that is gone afterwards. */
export function tell(...proofs: readonly Proof[]): void {
  let shop: Shop | undefined
  beforeAll(async () => {
    shop = await Shop.start(chosenTarget())
  })
  afterAll(() => shop?.stop(), STOP_TIMEOUT_MS)
  for (const proof of proofs) {
    // A proof asserts by itself, and throws.
    // oxlint-disable-next-line vitest/expect-expect, vitest/valid-title
    test(proof.title, async () => {
      if (shop === undefined) throw new Error('the shop is not up')
      try {
        note(await proof.prove(shop))
      } catch (error) {
        await keepEvidence()
        process.stderr.write(`${await shop.platform.describe()}\n`)
        throw error
      }
    })
  }
}

/** Says on the terminal what a proof measured. */
export function note(text: string | undefined): void {
  if (text !== undefined) process.stdout.write(`  ${text}\n`)
}
