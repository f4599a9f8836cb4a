import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Shop } from '../harness/shop.ts'
import { chosenTarget } from '../harness/test-stories.ts'

/** The path of Debian's chromium. `CHROMIUM` sets another path. */
const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium'
const hasBrowser = existsSync(BROWSER)
if (!hasBrowser) process.stdout.write(`skipped: there is no browser at ${BROWSER}, install chromium\n`)

let shop: Shop | undefined
beforeAll(async () => {
  if (hasBrowser) shop = await Shop.start(chosenTarget())
})
afterAll(() => shop?.stop())

test.skipIf(!hasBrowser)('the page shows service, version, environment and time of every hop', async () => {
  const url = (await shop?.url('alice')) ?? ''
  const browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage({ viewport: { width: 800, height: 700 } })
    await page.goto(url)
    const hops = await page.locator('[data-service]').allInnerTexts()
    expect(hops).toHaveLength(4)
    expect(hops[0]).toMatch(/web 1[\s\S]*baseline[\s\S]*ms/)
    expect(hops[1]).toMatch(/api pr-7[\s\S]*alice[\s\S]*ms/)
    expect(hops[2]).toMatch(/worker 1[\s\S]*baseline[\s\S]*ms/)
    expect(hops[3]).toMatch(/db PostgreSQL[\s\S]*baseline[\s\S]*ms/)
    const screenshot = process.env.SCREENSHOT
    if (screenshot !== undefined) await page.screenshot({ path: screenshot })
  } finally {
    await browser.close()
  }
})
