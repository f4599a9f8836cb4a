import { expect, test } from 'vitest'
import type { Access } from './access.ts'
import {
  BROWSER,
  circuitOf,
  CLIENT,
  comeBack,
  fieldOf,
  fieldsOf,
  headOf,
  pairOf,
  replyOf,
  SECURE,
  TestTable,
} from './fixture.ts'

const CODE = 'c'.repeat(43)
const circuit = circuitOf({ type: 'organization' })

/** A browser is sent away from a path: where to, and with which cookie. */
async function leave(access: Access, path = '/a?b=1', ...fields: string[]) {
  const reply = await replyOf(access.check(circuit, headOf(`GET ${path}`, ...BROWSER, ...fields), CLIENT))
  return { reply, location: fieldOf(reply, 'location'), cookie: pairOf(fieldOf(reply, 'set-cookie')) }
}

/** A browser comes back with a URL and a cookie. */
async function arrive(access: Access, url: string, cookie: string, client = CLIENT) {
  const { pathname, search } = new URL(url)
  const head = headOf(`GET ${pathname}${search}`, ...BROWSER, ...(cookie === '' ? [] : [`Cookie: ${cookie}`]))
  return await replyOf(access.check(circuit, head, client))
}

test('a browser is sent to the relay’s own host, comes back with a code, and gets a cookie', async () => {
  const table = new TestTable()
  const access = table.access()
  const { reply, location, cookie } = await leave(access)
  expect(reply?.status).toBe(302)
  expect(location).toMatch(/^http:\/\/localhost:8080\/-\/enter\?circuit=c-web&host=web\.localhost&return=/)
  expect(fieldOf(reply, 'cache-control')).toBe('no-store')
  table.codes.set(CODE, 'c-web')
  const back = await arrive(access, comeBack(location, CODE), cookie)
  expect(back?.status).toBe(303)
  expect(fieldOf(back, 'location')).toBe('/a?b=1')
  expect(fieldOf(back, 'cache-control')).toBe('no-store')
  expect(table.redeemed).toEqual([{ code: CODE, host: 'web.localhost' }])
  const [session = '', state] = fieldsOf(back, 'set-cookie')
  expect(session).toMatch(/^branchline=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Lax$/)
  expect(state).toMatch(/^branchline-state=; Path=\/; Max-Age=0;/)
  // Before the table contains the session, and after.
  const open = headOf('GET /', `Cookie: ${pairOf(session)}`)
  expect(access.check(circuit, open, CLIENT).decision).toBeUndefined()
  table.nowMs += 30_000
  expect(access.check(circuit, open, CLIENT).decision).toBeDefined()
})

test('a code works once', async () => {
  const table = new TestTable()
  const access = table.access()
  const { location, cookie } = await leave(access)
  table.codes.set(CODE, 'c-web')
  const url = comeBack(location, CODE)
  expect((await arrive(access, url, cookie))?.status).toBe(303)
  const again = await arrive(access, url, cookie)
  expect(again?.status).toBe(400)
  expect(fieldsOf(again, 'set-cookie')).toEqual([])
})

test('a code that someone else planted gives no session (login CSRF)', async () => {
  const table = new TestTable()
  const access = table.access()
  table.codes.set(CODE, 'c-web')
  const attacker = await leave(access)
  const planted = comeBack(attacker.location, CODE)
  const victim = await leave(access)
  for (const cookie of ['', victim.cookie, `branchline-state=${'x'.repeat(43)}`])
    expect((await arrive(access, planted, cookie))?.status).toBe(400)
  expect(table.redeemed).toEqual([])
})

test('two tabs of one browser both come back', async () => {
  const table = new TestTable()
  const access = table.access()
  const first = await leave(access, '/1')
  const second = await leave(access, '/2', `Cookie: ${first.cookie}`)
  for (const [tab, path] of [
    [first, '/1'],
    [second, '/2'],
  ] as const) {
    table.codes.set(CODE, 'c-web')
    expect(fieldOf(await arrive(access, comeBack(tab.location, CODE), second.cookie), 'location')).toBe(path)
  }
})

test.each(['//evil.example', '/\\evil.example', 'https://evil.example', '/-branchline/leave'])(
  'a return to %j leads to the root (open redirect)',
  async (returnTo) => {
    const table = new TestTable()
    const access = table.access()
    const { location, cookie } = await leave(access)
    table.codes.set(CODE, 'c-web')
    const url = new URL(comeBack(location, CODE))
    url.searchParams.set('return', returnTo)
    expect(fieldOf(await arrive(access, url.href, cookie), 'location')).toBe('/')
  },
)

test('a session of another circuit is not accepted', async () => {
  const table = new TestTable()
  const access = table.access()
  const { location, cookie } = await leave(access)
  table.codes.set(CODE, 'c-other')
  const reply = await arrive(access, comeBack(location, CODE), cookie)
  expect(reply?.status).toBe(400)
  expect(fieldsOf(reply, 'set-cookie')).toEqual([])
})

test('codes that are not valid count as failures of the address (brute force)', async () => {
  const table = new TestTable()
  const access = table.access({ limits: { failed: 2 } })
  const { location, cookie } = await leave(access)
  const statuses: (number | undefined)[] = []
  for (let i = 0; i < 3; i++) statuses.push((await arrive(access, comeBack(location, CODE), cookie))?.status)
  expect(statuses).toEqual([400, 400, 429])
})

test('without its coordinator, the relay says so, and sessions keep working', async () => {
  const table = new TestTable()
  const never = Promise.withResolvers<never>()
  for (const redeem of [() => Promise.reject(new Error('gone')), () => never.promise]) {
    const access = table.access({ redeem, limits: { redeemMs: 10 } })
    const { location, cookie } = await leave(access)
    expect((await arrive(access, comeBack(location, CODE), cookie))?.status).toBe(503)
    const open = headOf('GET /', `Cookie: branchline=${table.addSession()}`)
    expect(access.check(circuit, open, CLIENT).decision).toBeUndefined()
  }
})

test('leaving ends the session at once, and another site cannot do it', async () => {
  const table = new TestTable()
  const ended: string[] = []
  const access = table.access({ end: (hash) => void ended.push(hash) })
  const cookie = `Cookie: __Host-branchline=${table.addSession()}`
  const open = () => access.check(circuit, headOf('GET /', cookie), SECURE).decision
  const leaving = (...fields: string[]) =>
    replyOf(access.check(circuit, headOf('GET /-branchline/leave', cookie, ...fields), SECURE))
  expect((await leaving('Sec-Fetch-Site: cross-site'))?.status).toBe(403)
  expect(open()).toBeUndefined()
  const reply = await leaving('Sec-Fetch-Site: same-origin')
  expect(fieldOf(reply, 'set-cookie')).toMatch(/^__Host-branchline=; Path=\/; Max-Age=0;.*Secure$/)
  expect(fieldOf(reply, 'cache-control')).toBe('no-store')
  expect(open()).toBeDefined()
  expect(ended).toEqual([...table.sessions.keys()])
})

test('the relay’s own paths never reach the app, on a public circuit too', async () => {
  const access = new TestTable().access()
  for (const path of ['/-branchline/', '/-branchline/none', '/%2Dbranchline/enter', '/-branchline/tcp/a'])
    expect(
      (await replyOf(access.check(circuitOf({ type: 'public' }), headOf(`GET ${path}`), CLIENT)))?.status,
    ).toBe(404)
})

test('where the coordinator takes no tokens, a browser with a token in its link is sent to the page', async () => {
  const table = new TestTable()
  const access = table.access({
    redeem: async () => ({ refusal: 'The code is not known.' }),
    limits: { failed: 1 },
  })
  const token = table.add()
  const reply = await replyOf(
    access.check(circuit, headOf(`GET /a?branchline-token=${token}`, ...BROWSER), CLIENT),
  )
  expect(reply?.status).toBe(302)
  expect(fieldOf(reply, 'location')).toContain('/-/enter?')
  expect(JSON.stringify(reply)).not.toContain(token)
  const machine = headOf('GET /', `Authorization: Bearer ${token}`)
  expect(access.check(circuit, machine, CLIENT).decision).toBeUndefined()
})
