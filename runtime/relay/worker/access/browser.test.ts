import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { comeBackUrl, type EnterRequest, readEnter } from '@branchline/wire/circuits/handoff'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { temporaryFolder } from '../../../process/temporary.ts'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { listenOn } from '../../../testing/ports.ts'
import { newSecret } from '@branchline/wire/circuits/secret'
import { circuitOf, serve, TestTable } from './fixture.ts'

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

/** An app whose page shows the cookies that it got, and that accepts WebSockets. */
async function app(): Promise<number> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html')
    response.setHeader('set-cookie', 'of-the-app=1')
    response.end(
      `<title>app</title><p id=cookie>${request.headers.cookie ?? 'none'}</p><p id=url>${request.url}</p>`,
    )
  })
  const sockets = new WebSocketServer({ server })
  later(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.closeAllConnections()
    server.close()
  })
  return await listenOn(server)
}

/** Stands in for the page of the relay's own host: asks for a token, remembers the user, and sends a code. */
async function relayHost(table: TestTable, token: string, originOf: (request: EnterRequest) => string) {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const wanted = readEnter(url.searchParams)
    if (wanted === undefined) {
      response.writeHead(400).end()
      return
    }
    void bodyOf(request).then((body) => {
      const sent = new URLSearchParams(body).get('token')
      if (sent !== token && request.headers.cookie !== 'user=ann') {
        response.setHeader('content-type', 'text/html')
        return response.end(
          '<title>relay</title><form method=post><input name=token><button>Enter</button></form>',
        )
      }
      const code = newSecret()
      table.codes.set(code, wanted.circuit)
      const location = comeBackUrl(originOf(wanted), { ...wanted, code })
      return response.writeHead(303, { location, 'set-cookie': 'user=ann; HttpOnly; SameSite=Lax' }).end()
    })
  })
  later(() => {
    server.closeAllConnections()
    server.close()
  })
  return await listenOn(server)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

/** Ends TLS on a free port, in front of another port. */
async function tlsInFront(port: number): Promise<number> {
  const folder = temporaryFolder('tls')
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
  const curve = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=localhost',
  ]
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
    const inner = connect({ port, host: '127.0.0.1' })
    socket.pipe(inner).pipe(socket)
    for (const end of [socket, inner]) end.on('error', () => inner.destroy())
    later(() => socket.destroy())
  })
  later(() => server.close())
  return await listenOn(server)
}

/** Two protected circuits, `web` and `api`, and the relay's own host. */
async function setUp(scheme: 'http' | 'https') {
  const table = new TestTable()
  table.nowMs = Date.now()
  const token = table.add()
  let port = 0
  const relay = await relayHost(table, token, ({ host }) => `${scheme}://${host}:${port}`)
  const access = table.access({ relayUrl: `http://localhost:${relay}` })
  const web = circuitOf({ type: 'organization' })
  const api = circuitOf({ type: 'organization' }, { id: 'c-api', key: 'shop/api' })
  const plain = await serve(
    access,
    (head) => (head.host.startsWith('api.') ? api : web),
    await app(),
    scheme === 'https',
  )
  port = scheme === 'https' ? await tlsInFront(plain) : plain
  const context = await browser?.newContext({ ignoreHTTPSErrors: true })
  if (context === undefined) throw new Error('no browser')
  later(() => context.close())
  const urlOf = (name: string, path = '/'): string => `${scheme}://${name}.localhost:${port}${path}`
  return { table, token, context, page: await context.newPage(), urlOf }
}

test.skipIf(!hasBrowser).each(['http', 'https'] as const)(
  'over %s, a browser gets access once for each circuit, and the app sees no cookie of ours',
  async (scheme) => {
    const { token, context, page, urlOf } = await setUp(scheme)
    await page.goto(urlOf('web', '/a?b=1'))
    expect(await page.title()).toBe('relay')
    await page.fill('input', token)
    await page.click('button')
    await page.waitForURL(urlOf('web', '/a?b=1'))
    expect(await page.innerText('#cookie')).toBe('none')
    await page.reload()
    expect(await page.innerText('#cookie')).toBe('of-the-app=1')
    expect(await page.evaluate<string>('document.cookie')).toBe('of-the-app=1')
    // The relay's own host knows the user, so the second circuit opens without a question, with a cookie of its own.
    await page.goto(urlOf('api'))
    expect([page.url(), await page.title()]).toEqual([urlOf('api'), 'app'])
    const name = scheme === 'https' ? '__Host-branchline' : 'branchline'
    const ours = (await context.cookies()).filter((cookie) => cookie.name === name)
    expect(
      ours.map(({ domain, path, httpOnly, secure, sameSite }) => [domain, path, httpOnly, secure, sameSite]),
    ).toEqual(
      ['web.localhost', 'api.localhost'].map((domain) => [domain, '/', true, scheme === 'https', 'Lax']),
    )
    expect(new Set(ours.map(({ value }) => value)).size).toBe(2)
  },
)

test.skipIf(!hasBrowser)(
  'a link with a token opens a circuit, and the token leaves the address',
  async () => {
    const { token, page, urlOf } = await setUp('https')
    await page.goto(urlOf('web', `/a?branchline-token=${token}&b=1`))
    expect(page.url()).toBe(urlOf('web', '/a?b=1'))
    expect(await page.innerText('#url')).toBe('/a?b=1')
    expect(await page.evaluate<string>('document.referrer')).toBe('')
    await page.goto(urlOf('web', '/-branchline/leave'))
    expect(await page.innerText('h1')).toBe('You have left')
    await page.goto(urlOf('web'))
    expect(await page.title()).toBe('relay')
  },
)

test.skipIf(!hasBrowser)(
  'a page of another circuit opens no WebSocket with the cookie of this one',
  async () => {
    const { token, page, urlOf } = await setUp('https')
    for (const name of ['web', 'api']) await page.goto(urlOf(name, `/?branchline-token=${token}`))
    await page.goto(urlOf('api'))
    const opens = (name: string): Promise<boolean> =>
      page.evaluate<boolean>(`new Promise((resolve) => {
      const socket = new WebSocket('${urlOf(name).replace('https', 'wss')}')
      socket.onopen = () => resolve(true)
      socket.onerror = () => resolve(false)
    })`)
    expect(await opens('api')).toBe(true)
    expect(await opens('web')).toBe(false)
  },
)

test.skipIf(!hasBrowser)('a script whose access has ended reads a 401, and no page', async () => {
  const { table, token, page, urlOf } = await setUp('http')
  await page.goto(urlOf('web', `/?branchline-token=${token}`))
  expect(await page.title()).toBe('app')
  table.nowMs += 13 * 3_600_000
  const result = await page.evaluate<unknown>(`fetch('/data', { headers: { accept: 'application/json' } })
    .then(async (response) => [response.status, response.headers.get('content-type'), (await response.json()).reason])`)
  expect(result).toEqual([401, 'application/problem+json', 'access'])
})
