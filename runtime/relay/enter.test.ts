/**
 * Browsers get access at the relay's own host, where only workers listen for visitors: they pass the page on to a
 * coordinator, and nothing else of its API.
 */
import { rmSync } from 'node:fs'
import { RELAY_ENTER_PATH, VISITOR_HEADER } from '@branchline/wire/circuits/handoff'
import { createClient } from '@branchline/wire/circuits/client'
import { afterEach, expect, test } from 'vitest'
import { temporaryFolder } from '../process/temporary.ts'
import { cleanUp, later } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'
import { appFor, relayFor, visit } from './fixture.ts'
import type { RunningRelay } from './relay.ts'

afterEach(cleanUp)

const LOOPBACK = { BRANCHLINE_ALLOW_TARGETS: '127.0.0.0/8' }
const HTML = { accept: 'text/html' }

interface Roles {
  readonly coordinator: RunningRelay
  readonly worker: RunningRelay
  readonly key: string
}

async function bothInOne(): Promise<Roles> {
  const relay = await relayFor(LOOPBACK)
  return { coordinator: relay, worker: relay, key: relay.ownerKey ?? '' }
}

const coordinator = (variables: Record<string, string>): Promise<RunningRelay> =>
  relayFor({ ...LOOPBACK, BRANCHLINE_ROLE: 'coordinator', ...variables })

async function apart(variables: Record<string, string> = {}): Promise<Roles> {
  const coordinating = await coordinator(variables)
  const api = `http://127.0.0.1:${coordinating.apiPort}`
  const key = coordinating.ownerKey ?? ''
  const { secret } = await createClient({ url: api, key }).createJoinToken({ body: { name: 'test' } })
  const worker = await relayFor({
    ...LOOPBACK,
    BRANCHLINE_ROLE: 'worker',
    BRANCHLINE_COORDINATORS: api,
    BRANCHLINE_JOIN_TOKEN: secret,
  })
  return { coordinator: coordinating, worker, key }
}

const clientOf = ({ coordinator, key }: Roles) =>
  createClient({ url: `http://127.0.0.1:${coordinator.apiPort}`, key })

/** A protected circuit that the worker serves, and a token that opens it. */
async function protectedCircuit(roles: Roles): Promise<{ host: string; token: string }> {
  const { endpoint } = await appFor((request, response) => response.end(`app ${request.headers.cookie}`))
  const client = clientOf(roles)
  const create = (key: string) =>
    client.createCircuit({
      body: {
        key,
        frontend: { type: 'subdomain', label: key },
        access: { type: 'token' },
        targets: [{ address: endpoint }],
      },
    })
  await create('notebook')
  const { secret } = await client.createAccessToken({ body: { name: 'test', circuits: ['notebook'] } })
  const host = 'notebook.localhost:8080'
  // Once the worker serves a later circuit, it knows the token, too.
  await create('later')
  await until(async () => (await visit(roles.worker.httpPort, { host: 'later.localhost' })).status === 401)
  return { host, token: secret }
}

const formOf = (token: string): string => new URLSearchParams({ token }).toString()

/** Enters a token at the relay's own host. */
const enter = (port: number, path: string, token: string, headers: Record<string, string> = {}) =>
  visit(port, {
    host: 'localhost:8080',
    path,
    method: 'POST',
    headers: { ...HTML, 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: formOf(token),
  })

const pathOf = (url: string): string => url.slice(new URL(url).origin.length)

/** Where a worker sends a browser that has no access. */
async function sentTo(port: number, host: string): Promise<{ path: string; cookie: string }> {
  const refused = await visit(port, { host, path: '/lab?a=1', headers: HTML })
  expect(refused.status).toBe(302)
  const { location = '', 'set-cookie': [cookie = ''] = [] } = refused.headers
  expect(new URL(location).origin).toBe('http://localhost:8080')
  return { path: pathOf(location), cookie: cookie.split(';', 1)[0] as string }
}

test.each([
  ['one process', bothInOne],
  ['two processes', () => apart()],
])('with the roles in %s, a browser enters a circuit with a token', async (_name, start) => {
  const roles = await start()
  const { host, token } = await protectedCircuit(roles)
  const { httpPort } = roles.worker
  const { path, cookie } = await sentTo(httpPort, host)
  const form = await visit(httpPort, { host: 'localhost:8080', path, headers: HTML })
  expect(form).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } })
  expect(form.body).toContain('notebook.localhost needs access')
  expect((await enter(httpPort, path, 'blc_wrong')).status).toBe(403)
  const accepted = await enter(httpPort, path, token)
  expect(accepted.status).toBe(303)
  const back = accepted.headers.location ?? ''
  expect(new URL(back).host).toBe(host)
  const entered = await visit(httpPort, { host, path: pathOf(back), headers: { ...HTML, cookie } })
  expect(entered).toMatchObject({ status: 303, headers: { location: '/lab?a=1' } })
  const session = (entered.headers['set-cookie'] ?? []).map((field) => field.split(';', 1)[0]).join('; ')
  expect(await visit(httpPort, { host, headers: { cookie: session } })).toMatchObject({
    status: 200,
    body: 'app undefined',
  })
})

test('a coordinator counts the failures of a visitor, and not of the worker', async () => {
  const fronts = { BRANCHLINE_FRONTS: '127.0.0.1', BRANCHLINE_FRONTS_HEADER: 'x-forwarded-for' }
  const relay = await relayFor({ ...LOOPBACK, ...fronts })
  const roles = { coordinator: relay, worker: relay, key: relay.ownerKey ?? '' }
  const { host, token } = await protectedCircuit(roles)
  const { path } = await sentTo(relay.httpPort, host)
  const from = (address: string, sent: string) =>
    enter(relay.httpPort, path, sent, { 'x-forwarded-for': address })
  for (let failure = 0; failure < 20; failure++)
    expect((await from('192.0.2.1', `blc_wrong${failure}`)).status).toBe(403)
  expect((await from('192.0.2.1', 'blc_wrong')).status).toBe(429)
  expect((await from('192.0.2.2', 'blc_wrong')).status).toBe(403)
  expect((await from('192.0.2.2', token)).status).toBe(303)
})

test('no client names the address for which it counts, with or without a worker in between', async () => {
  const roles = await bothInOne()
  const { host } = await protectedCircuit(roles)
  const { path } = await sentTo(roles.worker.httpPort, host)
  for (const port of [roles.worker.httpPort, roles.coordinator.apiPort]) {
    const statuses = new Set<number>()
    for (let failure = 0; failure < 21; failure++) {
      const forged = { [VISITOR_HEADER]: `192.0.2.${failure}`, authorization: `Bearer blw_forged${port}` }
      statuses.add((await enter(port, path, `blc_wrong${port}-${failure}`, forged)).status)
    }
    expect(statuses).toContain(429)
  }
})

test('no other path of the API is reached at the own host, and large forms and other methods are refused', async () => {
  const { worker, key } = await bothInOne()
  const at = (path: string, more: object = {}) =>
    visit(worker.httpPort, { host: 'localhost:8080', path, ...more })
  const authorized = { headers: { authorization: `Bearer ${key}`, accept: 'application/json' } }
  const paths = [
    '/api/v1/circuits',
    '/-/../api/v1/circuits',
    '/-/enter/../../api/v1/circuits',
    '/-/enter%2f..%2f..%2fapi/v1/circuits',
    '/-//enter',
    '/-/other',
    '/%2d/enter',
  ]
  // All of them show the page of the domain itself.
  for (const path of paths) expect(JSON.parse((await at(path, authorized)).body)).toHaveProperty('previews')
  expect((await at(RELAY_ENTER_PATH)).status).toBe(400)
  expect((await at(RELAY_ENTER_PATH, { method: 'DELETE' })).status).toBe(405)
  const large = await at(RELAY_ENTER_PATH, { method: 'POST', body: 'x'.repeat(5_000) })
  expect(large.status).toBe(413)
})

test('without a coordinator, the own host says so and keeps serving its page', async () => {
  const { coordinator, worker } = await apart()
  await coordinator.stop()
  const at = (path: string) => visit(worker.httpPort, { host: 'localhost', path, headers: HTML })
  const refused = await at(`${RELAY_ENTER_PATH}?circuit=x`)
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
  expect(refused.body).toContain('Access cannot be checked now')
  expect((await at('/')).status).toBe(200)
})

test('a session that a browser leaves ends at the coordinator, and after an outage too', async () => {
  const directory = temporaryFolder('relay')
  later(() => rmSync(directory, { recursive: true, force: true }))
  const state = { BRANCHLINE_STATE_DIR: directory }
  const roles = await apart(state)
  const { httpPort } = roles.worker
  const { host, token } = await protectedCircuit(roles)
  const headersOf = (cookie: string) => ({ host, headers: { cookie, ...HTML } })
  // A link with a token needs no page.
  const enters = async (): Promise<string> => {
    const path = `/lab?branchline-token=${token}`
    const { status, headers } = await visit(httpPort, {
      host,
      path,
      headers: { ...HTML, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    })
    expect([status, headers.location]).toEqual([303, '/lab'])
    const cookie = headers['set-cookie']?.find((field) => /^branchline=./.test(field))
    return cookie?.split(';', 1)[0] ?? ''
  }
  const leaves = (cookie: string) => visit(httpPort, { ...headersOf(cookie), path: '/-branchline/leave' })
  const sessions = async (client: ReturnType<typeof clientOf>): Promise<number> =>
    (await client.listSessions()).items.length
  const [first, second] = [await enters(), await enters()]
  const client = clientOf(roles)
  expect(await sessions(client)).toBe(2)
  expect((await leaves(first)).status).toBe(200)
  await until(async () => (await sessions(client)) === 1)
  await until(async () => (await visit(httpPort, headersOf(second))).status === 200)
  const port = String(roles.coordinator.apiPort)
  await roles.coordinator.stop()
  expect((await leaves(second)).status).toBe(200)
  expect((await visit(httpPort, headersOf(second))).status).toBe(302)
  await coordinator({ ...state, BRANCHLINE_API_PORT: port })
  await until(async () => (await sessions(client)) === 0)
})
