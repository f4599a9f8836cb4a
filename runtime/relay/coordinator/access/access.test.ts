import { createHash, randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { enterUrl, readComeBack } from '@branchline/wire/circuits/handoff'
import { startTestApi, type TestApi } from '../api/fixture.ts'
import { type TestServer, testServer } from '../store/fixture.ts'
import { cleanUp } from '../../../testing/cleanups.ts'
import { CODE_MS } from './codes.ts'
import { enter } from './enter.ts'
import { HOLDER_SESSIONS, redeem, SESSION_MS } from './redeem.ts'
import { hashOf } from '@branchline/wire/circuits/secret'
import { testContext } from '../circuits/fixture.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(async () => {
  await cleanUp()
  await server.closeStores()
})
afterAll(() => server.stop())

const STATE = randomBytes(32).toString('base64url')
const HOST = 'a.localhost'
const cookieHash = (): string => createHash('sha256').update(randomBytes(32)).digest('hex')

interface Setup extends TestApi {
  readonly id: string
  readonly token: string
  readonly tokenId: string
  readonly asked: { circuit: string; host: string; returnTo: string; state: string }
  /** Posts a token to the page. */
  readonly post: (token: string, more?: object) => Promise<Response>
}

async function setup(access: 'organization' | 'token' = 'token'): Promise<Setup> {
  const api = await startTestApi((await server.testStore()).store)
  const body = { key: 'a', frontend: { type: 'subdomain' }, access: { type: access } } as const
  const { id } = await api.client.createCircuit({ body })
  const { secret: token, id: tokenId } = await api.client.createAccessToken({
    body: { name: 't', circuits: ['a'] },
  })
  const asked = { circuit: id, host: HOST, returnTo: '/x?y=1', state: STATE }
  const post = (token: string, more: object = {}): Promise<Response> =>
    fetch(enterUrl(api.url, { ...asked, ...more }), {
      method: 'POST',
      body: new URLSearchParams({ token }),
      headers: { accept: 'text/html' },
      redirect: 'manual',
    })
  return { ...api, id, token, tokenId, asked, post }
}

test('a browser with a token gets a code for the host, which becomes a session once', async () => {
  const { post, token, id, store } = await setup()
  const response = await post(token)
  expect([response.status, response.headers.get('cache-control')]).toEqual([303, 'no-store'])
  expect(response.headers.get('set-cookie')).toBeNull()
  const location = new URL(response.headers.get('location') ?? '')
  expect(location.origin).toBe(`http://${HOST}:8080`)
  const back = readComeBack(location.searchParams)
  expect(back).toMatchObject({ returnTo: '/x?y=1', state: STATE })
  const hash = cookieHash()
  const result = await redeem(testContext(store), back?.code ?? '', HOST, hash)
  expect(result).toMatchObject({ session: { hash, circuit: id } })
  expect(await redeem(testContext(store), back?.code ?? '', HOST, cookieHash())).toHaveProperty('refusal')
})

test('a code is bound to its host, and is used up by a wrong one', async () => {
  const { asked, token, store } = await setup()
  const location = await enter(testContext(store), asked, token)
  const code = readComeBack(new URL(location ?? '').searchParams)?.code ?? ''
  expect(await redeem(testContext(store), code, 'b.localhost', cookieHash())).toHaveProperty('refusal')
  expect(await redeem(testContext(store), code, HOST, cookieHash())).toHaveProperty('refusal')
})

test('two workers that redeem one code at once make one session', async () => {
  const { asked, token, store } = await setup()
  const location = await enter(testContext(store), asked, token)
  const code = readComeBack(new URL(location ?? '').searchParams)?.code ?? ''
  const results = await Promise.all(
    [cookieHash(), cookieHash()].map((hash) => redeem(testContext(store), code, HOST, hash)),
  )
  expect(results.filter((result) => 'session' in result).length).toBe(1)
})

test('a code is valid for 60 s, and a session for 12 h but not longer than its token', async () => {
  const { asked, token, tokenId, store } = await setup()
  const codeOf = async (nowMs: number): Promise<string> => {
    const location = await enter(testContext(store), asked, token, nowMs)
    return readComeBack(new URL(location ?? '').searchParams)?.code ?? ''
  }
  const nowMs = Date.now()
  const late = await codeOf(nowMs)
  expect(await redeem(testContext(store), late, HOST, cookieHash(), nowMs + CODE_MS)).toHaveProperty(
    'refusal',
  )
  const code = await codeOf(nowMs)
  expect(await redeem(testContext(store), code, HOST, cookieHash(), nowMs)).toMatchObject({
    session: { expiresAtMs: nowMs + SESSION_MS },
  })
  const endMs = nowMs + 3_600_000
  await store.write((tx) =>
    tx
      .updateTable('access_tokens')
      .set({ expires_at: new Date(endMs) })
      .where('id', '=', tokenId)
      .execute(),
  )
  expect(await redeem(testContext(store), await codeOf(nowMs), HOST, cookieHash(), nowMs)).toMatchObject({
    session: { expiresAtMs: endMs },
  })
})

test('revoking a token ends its sessions and codes at once', async () => {
  const { client, asked, token, tokenId, store } = await setup()
  const codeOf = async (): Promise<string> => {
    const location = await enter(testContext(store), asked, token)
    return readComeBack(new URL(location ?? '').searchParams)?.code ?? ''
  }
  await redeem(testContext(store), await codeOf(), HOST, cookieHash())
  const unused = await codeOf()
  expect((await client.listSessions()).items).toMatchObject([{ circuit: 'a', holder: `token:${tokenId}` }])
  await client.revokeAccessToken({ params: { id: tokenId } })
  expect((await client.listSessions()).items).toEqual([])
  expect(await redeem(testContext(store), unused, HOST, cookieHash())).toHaveProperty('refusal')
  expect(await enter(testContext(store), asked, token)).toBeUndefined()
})

test('a link that carries a token becomes a session of the circuit that has the host', async () => {
  const { token, id, tokenId, store, client } = await setup()
  const context = testContext(store)
  expect(await redeem(context, token, HOST, cookieHash())).toMatchObject({
    session: { circuit: id, holder: `token:${tokenId}` },
  })
  await client.patchCircuit({ params: { key: 'a' }, body: { frontend: { hosts: ['app.example.com'] } } })
  expect(await redeem(context, token, 'app.example.com', cookieHash())).toMatchObject({
    session: { circuit: id },
  })
  await client.createCircuit({ body: { key: 'b', frontend: { type: 'subdomain' } } })
  for (const host of ['b.localhost', 'none.localhost', 'localhost', 'x.example.com'])
    expect(await redeem(context, token, host, cookieHash())).toHaveProperty('refusal')
})

test('one holder has a limited number of sessions at a circuit: the oldest ends', async () => {
  const { token, tokenId, id, store } = await setup()
  await store.write((tx) =>
    sql`
      insert into sessions (hash, circuit_id, holder, expires_at)
      select encode(sha256(n::text::bytea), 'hex'), ${id}::uuid, ${`token:${tokenId}`}, now() + n * interval '1 s'
      from generate_series(1, ${HOLDER_SESSIONS}) n`.execute(tx),
  )
  expect(await redeem(testContext(store), token, HOST, cookieHash())).toHaveProperty('session')
  const hashes = await store.read((db) => db.selectFrom('sessions').select('hash').execute())
  expect(hashes).toHaveLength(HOLDER_SESSIONS)
  expect(hashes).not.toContainEqual({ hash: hashOf('1') })
})

test('a session is revoked by its id', async () => {
  const { client, asked, token, store } = await setup()
  const location = await enter(testContext(store), asked, token)
  const hash = cookieHash()
  await redeem(testContext(store), readComeBack(new URL(location ?? '').searchParams)?.code ?? '', HOST, hash)
  await client.revokeSession({ params: { id: hash } })
  expect((await client.listSessions({ query: { circuit: 'a' } })).items).toEqual([])
})

test.each([
  ['another host', { host: 'b.localhost' }],
  ['another circuit', { circuit: '00000000-0000-4000-8000-000000000000' }],
  ['a circuit that is no id', { circuit: 'a' }],
])('no code for %s', async (_what, more) => {
  const { post, token } = await setup()
  expect((await post(token, more)).status).toBe(403)
})

test('only local return paths are followed', async () => {
  const { post, token } = await setup()
  for (const returnTo of ['//evil.example', 'https://evil.example', '/\\evil.example']) {
    const location = new URL((await post(token, { returnTo })).headers.get('location') ?? '')
    expect([location.host, location.searchParams.get('return')]).toEqual([`${HOST}:8080`, '/'])
  }
})

test('access organization: every API key and every access token of all circuits; token: only one of the circuit', async () => {
  const organization = await setup('organization')
  const all = await organization.client.createAccessToken({ body: { name: 'all' } })
  expect((await organization.post(organization.key)).status).toBe(303)
  expect((await organization.post(all.secret)).status).toBe(303)
  const strict = await setup('token')
  const { secret } = await strict.client.createAccessToken({ body: { name: 'all' } })
  expect((await strict.post(strict.key)).status).toBe(403)
  expect((await strict.post(secret)).status).toBe(403)
  expect((await strict.post('')).status).toBe(403)
})

test('a key without admin makes tokens only for its own circuits', async () => {
  const { clientWith } = await setup()
  const other = await clientWith(['circuits:read', 'circuits:write'])
  await expect(other.createAccessToken({ body: { name: 'x' } })).rejects.toMatchObject({ status: 403 })
  const foreign = other.createAccessToken({ body: { name: 'x', circuits: ['a'] } })
  await expect(foreign).rejects.toMatchObject({ status: 422 })
  expect((await other.listAccessTokens()).items).toEqual([])
})

test('a token of a circuit that is gone opens nothing, not everything', async () => {
  const { client, token, tokenId, post } = await setup('organization')
  await client.deleteCircuit({ params: { key: 'a' } })
  const body = { key: 'a', frontend: { type: 'subdomain' } } as const
  const { id } = await client.createCircuit({ body })
  expect((await post(token, { circuit: id })).status).toBe(403)
  expect((await client.listAccessTokens()).items).toMatchObject([{ id: tokenId, circuits: [] }])
})

test('the page takes a token from the fragment or the form, sets no cookie, and is not stored', async () => {
  const { url, asked } = await setup()
  const response = await fetch(enterUrl(url, asked))
  expect([
    response.status,
    response.headers.get('cache-control'),
    response.headers.get('set-cookie'),
  ]).toEqual([200, 'no-store', null])
  const text = await response.text()
  const [, script = ''] = /<script>([^]*)<\/script>/.exec(text) ?? []
  const hash = createHash('sha256').update(script).digest('base64')
  const policy = response.headers.get('content-security-policy') ?? ''
  expect(policy).toContain(`script-src 'sha256-${hash}'`)
  expect(policy).toContain(`form-action 'self' http://${HOST}`)
  expect(text).toContain('method="post"')
  expect((await fetch(`${url}/-/enter?circuit=a`)).status).toBe(400)
  // A port would let another program of the machine get the code.
  expect((await fetch(enterUrl(url, { ...asked, host: `${HOST}:3000` }))).status).toBe(400)
})

test('no credential is stored in plain text', async () => {
  const { store, token, asked, key } = await setup()
  const location = await enter(testContext(store), asked, token)
  const code = readComeBack(new URL(location ?? '').searchParams)?.code ?? ''
  const tables = [
    'access_tokens',
    'api_keys',
    'codes',
    'sessions',
    'audit',
    'idempotency',
    'join_tokens',
  ] as const
  const rows = await Promise.all(
    tables.map((table) => store.read((db) => db.selectFrom(table).selectAll().execute())),
  )
  const text = JSON.stringify(rows)
  expect(text).toContain(hashOf(token))
  for (const secret of [token, code, key]) expect(text).not.toContain(secret)
})
