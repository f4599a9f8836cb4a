import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Proof, Stories } from '../stories/proof.ts'
import { embedded } from './embedded.ts'
import { keepEvidence } from './evidence.ts'
import { kind } from './kind/kind.ts'
import { Shop } from './shop.ts'
import type { Target } from './target.ts'

const STOP_TIMEOUT_MS = 60_000

const TARGETS: Readonly<Record<string, Target>> = { embedded, kind }

/** Returns the target that BRANCHLINE_TARGET names. Default: `embedded`. */
export function chosenTarget(name = process.env.BRANCHLINE_TARGET ?? 'embedded'): Target {
  const target = TARGETS[name]
  if (target !== undefined) return target
  throw new Error(`BRANCHLINE_TARGET=${name}: wanted one of ${Object.keys(TARGETS).join(', ')}`)
}

/** Makes a test of each proof, all on one running shop, which stops afterwards. A story is a `describe` block. */
export function testStories(stories: Stories): void {
  let shop: Shop | undefined
  beforeAll(async () => {
    shop = await Shop.start(chosenTarget())
  })
  afterAll(() => shop?.stop(), STOP_TIMEOUT_MS)
  for (const [name, proofs] of Object.entries(stories)) {
    // oxlint-disable-next-line vitest/valid-title -- the caller names the stories
    describe(name, () => {
      for (const proof of proofs) testProof(proof, () => shop)
    })
  }
}

function testProof(proof: Proof, running: () => Shop | undefined): void {
  const prove = async (): Promise<void> => {
    const shop = running()
    if (shop === undefined) throw new Error('the shop is not running')
    try {
      note(await proof.prove(shop))
    } catch (error) {
      await keepEvidence()
      process.stderr.write(`${await shop.platform.describe()}\n`)
      throw error
    }
  }
  // The proof itself asserts.
  // oxlint-disable-next-line vitest/expect-expect, vitest/valid-title
  test(proof.title, prove, proof.timeoutMs)
}

/** Prints what a proof measured. */
export function note(text: string | undefined): void {
  if (text !== undefined) process.stdout.write(`  ${text}\n`)
}
