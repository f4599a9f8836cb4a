import { embedded } from '@branchline/test-e2e/harness/embedded.ts'
import { Shop } from '@branchline/test-e2e/harness/shop.ts'
import { SHOP_STORIES } from '@branchline/test-e2e/stories/shop.ts'

/** Receives the lines of the check. */
export type Print = (line: string) => void

/**
 * Starts a shop, proves its stories over HTTP, and prints one line per promise and `N passed, N failed`. Resolves with
 * whether all passed, after everything has stopped.
 */
export async function check(print: Print): Promise<boolean> {
  const count = { passed: 0, failed: 0 }
  const step = async (title: string, run: () => Promise<string | undefined>): Promise<void> => {
    try {
      const note = await run()
      count.passed++
      print(`ok      ${title}${note === undefined ? '' : ` (${note})`}`)
    } catch (error) {
      count.failed++
      print(`FAILED  ${title}`)
      for (const line of (error as Error).message.split('\n')) print(`        ${line}`)
    }
  }
  const started: Shop[] = []
  await step('the platform and the shop start', async () => {
    const shop = await Shop.start(embedded)
    started.push(shop)
    return `${shop.readyAfterMs} ms`
  })
  for (const running of started) {
    for (const proof of Object.values(SHOP_STORIES).flat())
      await step(proof.title, () => proof.prove(running))
    await step('the platform stops, and no process, file or port remains', async () => {
      await running.stop()
      return undefined
    })
  }
  print(`${count.passed} passed, ${count.failed} failed`)
  return count.failed === 0
}
