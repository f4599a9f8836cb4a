import type { Shop } from '../harness/shop.ts'

/**
 * A promise to users, and its proof on a running shop. A proof starts with the sample's environments as git defines
 * them, and restores them before it ends. It returns what it measured, or undefined. It rejects if the promise is
 * broken.
 */
export interface Proof {
  readonly title: string
  /** How long the proof may take, in milliseconds. Default: the limit of the e2e tests. */
  readonly timeoutMs?: number
  prove(shop: Shop): Promise<string | undefined>
}

/** Proofs by the name of their story, in the order in which they run. */
export type Stories = Readonly<Record<string, readonly Proof[]>>
