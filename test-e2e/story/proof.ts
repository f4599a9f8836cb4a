import type { Shop } from '../harness/shop.ts'

/**
 * A promise to the user, and how it is proved on a running shop. It finds the sample's environments as git
 * has them, and leaves them so. What it returns is printed beside the title.
 */
export interface Proof {
  readonly title: string
  prove(shop: Shop): Promise<string | undefined>
}
