import type { AccessRule } from '@branchline/wire/circuits/access'
import { expect, test } from 'vitest'
import {
  BROWSER,
  circuitOf,
  CLIENT,
  editsIn,
  fieldOf,
  fieldsOf,
  headOf,
  newToken,
  replyOf,
  SECURE,
  streamHeadOf,
  TestTable,
} from './fixture.ts'

const JSON_CLIENT = 'Accept: application/json'
const bearer = (token: string): string => `Authorization: Bearer ${token}`

test('a public circuit is open; the others need a token', async () => {
  const access = new TestTable().access()
  expect(access.check(circuitOf({ type: 'public' }), headOf('GET /'), CLIENT).decision).toBeUndefined()
  for (const type of ['organization', 'token'] as const) {
    const reply = await replyOf(access.check(circuitOf({ type }), headOf('GET /', JSON_CLIENT), CLIENT))
    expect(reply?.status).toBe(401)
    expect(fieldOf(reply, 'content-type')).toBe('application/problem+json')
    expect(fieldOf(reply, 'www-authenticate')).toMatch(/^Bearer/)
    expect(JSON.parse(String(reply?.body))).toMatchObject({ type: 'urn:branchline:access', status: 401 })
  }
})

test.each([
  ['organization', {}, 200],
  ['organization', { kind: 'api-key' }, 200],
  ['organization', { circuits: ['c-web'] }, 200],
  ['organization', { circuits: ['c-other'] }, 401],
  ['token', {}, 401],
  ['token', { kind: 'api-key' }, 401],
  ['token', { circuits: ['c-web'] }, 200],
  ['token', { circuits: ['c-other'] }, 401],
  ['organization', { expiresAtMs: 999_999 }, 401],
  ['organization', { expiresAtMs: 1_000_001 }, 200],
] as const)('%s circuit, credential %j: %d', async (type, credential, status) => {
  const table = new TestTable()
  const token = table.add(credential)
  const verdict = table.access().check(circuitOf({ type }), headOf('GET /', bearer(token)), CLIENT)
  expect((await replyOf(verdict))?.status ?? 200).toBe(status)
})

test('a token that is revoked or has expired opens nothing any longer, at once', async () => {
  const table = new TestTable()
  const access = table.access()
  const circuit = circuitOf({ type: 'organization' })
  const token = table.add({ expiresAtMs: table.nowMs + 10 })
  const check = () => access.check(circuit, headOf('GET /', bearer(token)), CLIENT).decision
  expect(check()).toBeUndefined()
  table.nowMs += 10
  expect(check()).toBeDefined()
  table.nowMs -= 10
  expect(check()).toBeUndefined()
  table.credentials = new Map()
  expect(check()).toBeDefined()
})

test('a token in the field of our own leaves Authorization to the app', () => {
  const table = new TestTable()
  const token = table.add()
  const head = headOf('GET /', `X-Branchline-Token: ${token}`, 'Authorization: Basic YTpi')
  const verdict = table.access().check(circuitOf({ type: 'organization' }), head, CLIENT)
  expect(verdict).toMatchObject({ edits: { remove: ['x-branchline-token'] } })
})

test('only our Authorization is removed', () => {
  const table = new TestTable()
  const token = table.add()
  const circuit = circuitOf({ type: 'organization' })
  const ours = table
    .access()
    .check(circuit, headOf('GET /', bearer(token), 'Authorization: Bearer of-the-app'), CLIENT)
  expect(ours).toMatchObject({
    edits: { remove: ['x-branchline-token', 'authorization'], set: [['authorization', 'Bearer of-the-app']] },
  })
  const theirs = table.access().check(circuitOf({ type: 'public' }), headOf('GET /', bearer('blue')), CLIENT)
  expect(theirs).toEqual({ edits: { remove: ['x-branchline-token'] } })
})

test('a token in the query is removed from the target of a machine, and all other bytes stay', () => {
  const table = new TestTable()
  const token = table.add()
  const targetOf = (target: string): unknown => {
    const verdict = table.access().check(circuitOf({ type: 'organization' }), headOf(`GET ${target}`), CLIENT)
    return editsIn(verdict)?.target
  }
  expect(targetOf(`/a?branchline-token=${token}`)).toBe('/a')
  expect(targetOf(`/a?x=%20&branchline-token=${token}&&y=b+c;d`)).toBe('/a?x=%20&&y=b+c;d')
  expect(targetOf(`/a?%62ranchline-token=${token}&branchline-token=again`)).toBe('/a')
})

test('a browser gets a cookie for the token in its link, once, by a redirect that no cache stores', async () => {
  const table = new TestTable()
  const access = table.access()
  const token = table.add()
  const circuit = circuitOf({ type: 'organization' })
  const head = headOf(`GET /a?b=1&branchline-token=${token}`, ...BROWSER)
  const reply = await replyOf(access.check(circuit, head, SECURE))
  expect(reply?.status).toBe(303)
  expect(fieldOf(reply, 'location')).toBe('/a?b=1')
  expect(fieldOf(reply, 'cache-control')).toBe('no-store')
  expect(fieldOf(reply, 'referrer-policy')).toBe('no-referrer')
  expect(JSON.stringify(reply)).not.toContain(token)
  const [cookie = ''] = fieldsOf(reply, 'set-cookie')
  expect(cookie).toMatch(
    /^__Host-branchline=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure$/,
  )
  expect(cookie).not.toContain('Domain')
  const again = headOf('GET /a?b=1', ...BROWSER, `Cookie: ${cookie.split(';', 1)[0]}`)
  expect(access.check(circuit, again, SECURE).decision).toBeUndefined()
})

test('a link with a token that would lead elsewhere leads to the root (open redirect)', async () => {
  const table = new TestTable()
  const token = table.add()
  const head = headOf(`GET //evil.example/?branchline-token=${token}`, ...BROWSER)
  const reply = await replyOf(table.access().check(circuitOf({ type: 'organization' }), head, CLIENT))
  expect(fieldOf(reply, 'location')).toBe('/')
})

test('a token without effect is not in the address to which a browser is sent', async () => {
  const token = newToken()
  const head = headOf(`GET /a?branchline-token=${token}`, ...BROWSER)
  const reply = await replyOf(
    new TestTable().access().check(circuitOf({ type: 'organization' }), head, CLIENT),
  )
  expect(reply?.status).toBe(302)
  expect(fieldOf(reply, 'location')).toContain('return=%2Fa&')
  expect(JSON.stringify(reply)).not.toContain(token)
})

test('a CORS preflight passes without credentials, and cannot become another request', () => {
  const access = new TestTable().access()
  const circuit = circuitOf({ type: 'token' })
  const origin = 'Origin: https://a.example'
  const preflight = headOf('OPTIONS /', origin, 'Access-Control-Request-Method: PUT')
  expect(editsIn(access.check(circuit, preflight, CLIENT))?.remove).toContain('x-http-method-override')
  expect(access.check(circuit, headOf('OPTIONS /', origin), CLIENT).decision).toBeDefined()
  const get = headOf('GET /', origin, 'Access-Control-Request-Method: PUT')
  expect(access.check(circuit, get, CLIENT).decision).toBeDefined()
})

test('errors carry CORS headers if the request had an Origin', async () => {
  const access = new TestTable().access()
  const head = headOf('GET /', 'Origin: https://a.example', JSON_CLIENT)
  const reply = await replyOf(access.check(circuitOf({ type: 'token' }), head, CLIENT))
  expect(fieldOf(reply, 'access-control-allow-origin')).toBe('https://a.example')
  expect(fieldOf(reply, 'access-control-allow-credentials')).toBe('true')
  expect(fieldsOf(reply, 'vary')).toEqual(['accept, origin'])
  const without = await replyOf(
    access.check(circuitOf({ type: 'token' }), headOf('GET /', JSON_CLIENT), CLIENT),
  )
  expect(fieldOf(without, 'access-control-allow-origin')).toBe('')
})

test.each([
  ['no Accept', []],
  ['*/*', ['Accept: */*']],
  ['JSON', ['Accept: application/json']],
  ['JSON before HTML', ['Accept: application/json, text/html;q=0.9']],
])('an API client never gets HTML, nor a redirect: %s', async (_, fields) => {
  for (const line of ['GET /', 'POST /', 'GET /-branchline/none', 'GET /-branchline/enter'])
    for (const rule of [
      { type: 'token' },
      { type: 'public', allow: ['10.0.0.0/8'] },
    ] satisfies AccessRule[]) {
      const reply = await replyOf(
        new TestTable().access().check(circuitOf(rule), headOf(line, ...fields), CLIENT),
      )
      expect(reply?.status).toBeGreaterThanOrEqual(400)
      expect(fieldOf(reply, 'content-type')).toBe('application/problem+json')
      expect(fieldsOf(reply, 'set-cookie')).toEqual([])
    }
})

test('a browser that cannot be sent elsewhere gets a page with a link', async () => {
  const access = new TestTable().access()
  const head = headOf('POST /a', 'Accept: text/html')
  const reply = await replyOf(access.check(circuitOf({ type: 'token' }), head, CLIENT))
  expect(reply?.status).toBe(401)
  expect(String(reply?.body)).toContain('Get access')
  expect(fieldOf(reply, 'cache-control')).toBe('no-store')
  expect(fieldOf(reply, 'set-cookie')).toContain('branchline-state=')
})

test.each(['GET /', 'GET /-branchline/enter', 'OPTIONS /'])(
  'the allow-list comes first, also with a token: %s',
  async (line) => {
    const table = new TestTable()
    const circuit = circuitOf({ type: 'organization', allow: ['10.0.0.0/8', '2001:db8::/32'] })
    const fields = [
      bearer(table.add()),
      'Origin: https://a.example',
      'Access-Control-Request-Method: PUT',
      'Upgrade: websocket',
      'Connection: keep-alive, Upgrade',
    ]
    const statusOf = async (address: string): Promise<number> =>
      (await replyOf(table.access().check(circuit, headOf(line, ...fields), { address, secure: false })))
        ?.status ?? 200
    expect(await statusOf('192.0.2.1')).toBe(403)
    for (const address of ['10.1.1.1', '::ffff:10.1.1.1', '2001:db8::1'])
      expect(await statusOf(address)).not.toBe(403)
  },
)

test('an allow-list with a bad entry admits no one (it is never skipped)', () => {
  const access = new TestTable().access()
  const circuit = circuitOf({ type: 'public', allow: ['10.0.0.0/8', '10.0.0.0/33'] })
  expect(access.admits(circuit, '10.1.1.1')).toBe(false)
  expect(access.admits(circuitOf({ type: 'public', allow: ['10.0.0.0/8'] }), '10.1.1.1')).toBe(true)
  expect(access.admits(circuitOf({ type: 'public' }), undefined)).toBe(true)
})

test.each([
  ['http://web.localhost:8080', 200],
  ['HTTP://WEB.localhost:8080', 200],
  ['http://evil.localhost:8080', 403],
  ['http://web.localhost:9090', 403],
  ['http://web.localhost:8080.evil.example', 403],
  ['null', 403],
  ['', 403],
  [undefined, 200],
])(
  'a WebSocket with a cookie from a page of %s: %d (cross-site WebSocket hijacking)',
  async (origin, status) => {
    const table = new TestTable()
    const circuit = circuitOf({ type: 'organization' })
    const fields = ['Upgrade: websocket', 'Connection: keep-alive, Upgrade']
    if (origin !== undefined) fields.push(`Origin: ${origin}`)
    const head = headOf('GET /', ...fields, `Cookie: branchline=${table.addSession()}`)
    expect((await replyOf(table.access().check(circuit, head, CLIENT)))?.status ?? 200).toBe(status)
    const byToken = headOf(`GET /?branchline-token=${table.add()}`, ...fields)
    expect(table.access().check(circuit, byToken, CLIENT).decision).toBeUndefined()
  },
)

test('an HTTP/2 request is checked alike, and its cookies become one field', () => {
  const table = new TestTable()
  const cookie = ['cookie', `__Host-branchline=${table.addSession()}`] as const
  const head = streamHeadOf('/', ['cookie', 'a=1'], cookie, ['cookie', 'b="2"'])
  const circuit = circuitOf({ type: 'organization' })
  expect(table.access().check(circuit, head, SECURE)).toMatchObject({
    edits: { set: [['cookie', 'a=1; b="2"']] },
  })
  expect(table.access().check(circuit, streamHeadOf('/'), SECURE).decision).toBeDefined()
})

test('responses of a circuit that is not public are none for shared caches', () => {
  const table = new TestTable()
  const head = headOf('GET /', bearer(table.add()))
  const verdict = table.access().check(circuitOf({ type: 'organization' }), head, CLIENT)
  const set = verdict.decision === undefined ? verdict.responseEdits?.set : []
  expect(set).toContainEqual(['cdn-cache-control', 'no-store'])
})

test('an address that tries many tokens gets 429 for a while, and memory stays bounded (brute force)', async () => {
  const table = new TestTable()
  const access = table.access({ limits: { failed: 3, failedAddresses: 2 } })
  const circuit = circuitOf({ type: 'organization' })
  const statusOf = async (token: string, address = '192.0.2.1'): Promise<number> =>
    (await replyOf(access.check(circuit, headOf('GET /', bearer(token)), { address, secure: false })))
      ?.status ?? 200
  for (const status of [401, 401, 401, 429]) expect(await statusOf(newToken())).toBe(status)
  const valid = table.add()
  expect(await statusOf(valid)).toBe(429)
  expect(await statusOf(valid, '192.0.2.2')).toBe(200)
  const byCookie = headOf('GET /', `Cookie: branchline=${table.addSession()}`)
  expect(access.check(circuit, byCookie, { address: '192.0.2.1', secure: false }).decision).toBeUndefined()
  table.nowMs += 60_000
  expect(await statusOf(valid)).toBe(200)
})
