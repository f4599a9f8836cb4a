/** The handoff of access in a real browser, with a coordinator and two workers. `worker/access/browser.test.ts` has TLS. */
import { existsSync } from 'node:fs'
import { createClient } from '@branchline/wire/circuits/client'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { freePort } from '../testing/ports.ts'
import { until } from '../testing/until.ts'
import { appFor, relayFor, visit } from './fixture.ts'

/** The path of Debian's chromium. `CHROMIUM` sets another path. */
const BROWSER = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const hasBrowser = existsSync(BROWSER)
if (!hasBrowser) process.stdout.write(`skipped: there is no browser at ${BROWSER}, install chromium\n`)

let browser: Browser | undefined
beforeAll(async () => {
  if (hasBrowser) browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] })
})
afterEach(cleanUp)
afterAll(() => browser?.close())

/** Two protected circuits, `web` and `api`, at a worker to which the browser goes, and at another one. */
async function setUp() {
  const port = await freePort()
  const shared = {
    BRANCHLINE_ALLOW_TARGETS: '127.0.0.0/8',
    BRANCHLINE_PUBLIC_URL: `http://localhost:${port}`,
  }
  const coordinator = await relayFor({ ...shared, BRANCHLINE_ROLE: 'coordinator' })
  const api = `http://127.0.0.1:${coordinator.apiPort}`
  const client = createClient({ url: api, key: coordinator.ownerKey ?? '' })
  const { secret: joinToken } = await client.createJoinToken({ body: { name: 'test' } })
  const { secret: token } = await client.createAccessToken({ body: { name: 'ann' } })
  const work = (name: string, httpPort: number) =>
    relayFor({
      ...shared,
      BRANCHLINE_ROLE: 'worker',
      BRANCHLINE_COORDINATORS: api,
      BRANCHLINE_JOIN_TOKEN: joinToken,
      BRANCHLINE_WORKER_NAME: name,
      BRANCHLINE_HTTP_PORT: String(httpPort),
    })
  const workers = [await work('one', port), await work('two', 0)] as const
  const { endpoint } = await appFor((request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(
      `<title>app</title><p id=cookie>${request.headers.cookie ?? 'none'}</p><p id=url>${request.url}</p>`,
    )
  })
  for (const key of ['web', 'api']) {
    await client.createCircuit({
      body: {
        key,
        frontend: { type: 'subdomain', label: key },
        access: { type: 'organization' },
        targets: [{ address: endpoint }],
      },
    })
    for (const { httpPort } of workers)
      await until(async () => (await visit(httpPort, { host: `${key}.localhost` })).status === 401)
  }
  const context = await browser?.newContext()
  if (context === undefined) throw new Error('no browser')
  later(() => context.close())
  const urlOf = (name: string, path = '/'): string => `http://${name}.localhost:${port}${path}`
  return { client, token, context, page: await context.newPage(), urlOf, other: workers[1] }
}

test.skipIf(!hasBrowser)(
  'a browser enters a token at the page of the coordinator, and comes back to the address that it opened',
  async () => {
    const { client, token, page, urlOf } = await setUp()
    await page.goto(urlOf('web', '/a?b=1'))
    expect(await page.innerText('h1')).toBe('web.localhost needs access')
    await page.fill('input[name=token]', 'blc_wrong')
    await page.click('button')
    expect(await page.innerText('[role=alert]')).toContain('does not open web.localhost')
    await page.fill('input[name=token]', token)
    await page.click('button')
    await page.waitForURL(urlOf('web', '/a?b=1'))
    expect([await page.innerText('#cookie'), await page.innerText('#url')]).toEqual(['none', '/a?b=1'])
    const { items } = await client.listSessions()
    expect(items.map(({ circuit }) => circuit)).toEqual(['web'])
    // A session opens one circuit.
    await page.goto(urlOf('api'))
    expect(await page.innerText('h1')).toBe('api.localhost needs access')
  },
)

test.skipIf(!hasBrowser)(
  'a link with a token opens a circuit at every worker, until the browser leaves or the token is revoked',
  async () => {
    const { client, token, context, page, urlOf, other } = await setUp()
    await page.goto(urlOf('web', `/a?branchline-token=${token}&b=1`))
    expect([page.url(), await page.innerText('#url')]).toEqual([urlOf('web', '/a?b=1'), '/a?b=1'])
    const cookie = (await context.cookies()).find(({ name }) => name === 'branchline')
    const headers = { cookie: `branchline=${cookie?.value}` }
    const atOther = async (): Promise<number> =>
      (await visit(other.httpPort, { host: 'web.localhost', headers })).status
    await until(async () => (await atOther()) === 200)
    await page.goto(urlOf('web', '/-branchline/leave'))
    expect(await page.innerText('h1')).toBe('You have left')
    await until(async () => (await atOther()) === 401)
    await page.goto(urlOf('web'))
    expect(await page.innerText('h1')).toBe('web.localhost needs access')

    await page.goto(urlOf('web', `/?branchline-token=${token}`))
    expect(await page.title()).toBe('app')
    const { items } = await client.listAccessTokens()
    await client.revokeAccessToken({ params: { id: items[0]?.id ?? '' } })
    await until(async () => {
      await page.goto(urlOf('web'))
      return (await page.title()) !== 'app'
    })
    expect(await page.innerText('h1')).toBe('web.localhost needs access')
  },
)
