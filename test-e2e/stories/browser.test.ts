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

const hasIndex = chosenTarget().name === 'embedded'
test.skipIf(!hasBrowser || !hasIndex)(
  'the index lists environments, overrides, previews and output, on any width, in both schemes, without JavaScript',
  async () => {
    const preview = (await shop?.url('alice')) ?? ''
    const index = preview.replace('web--alice.', '')
    const browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] })
    try {
      for (const [width, colorScheme] of [
        [1280, 'light'],
        [400, 'dark'],
      ] as const) {
        const viewport = { width, height: 800 }
        const page = await browser.newPage({ viewport, colorScheme, javaScriptEnabled: false })
        await page.goto(index)
        const row = page
          .getByRole('table')
          .first()
          .getByRole('row')
          .filter({ hasText: 'branch of baseline' })
          .first()
        expect(await row.getByRole('rowheader').innerText()).toContain('alice')
        expect(await row.getByRole('cell').allInnerTexts()).toEqual([
          expect.stringContaining('api'),
          expect.stringContaining('web--alice.localhost'),
          expect.stringContaining('Ready'),
        ])
        const widest = await page.evaluate<number>('document.documentElement.scrollWidth')
        expect(widest).toBeLessThanOrEqual(width)
        await page.getByRole('link', { name: 'More output of api of alice' }).click()
        expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('api of alice')
        expect(await page.locator('pre').innerText()).toContain('pr-7')
        await page.goto(preview.replace('web--alice', 'unknown'))
        await page.getByRole('link', { name: 'All environments and previews' }).click()
        expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Environments')
        await page.close()
      }
    } finally {
      await browser.close()
    }
  },
)
