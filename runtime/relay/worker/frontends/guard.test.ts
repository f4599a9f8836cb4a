import { expect, test } from 'vitest'
import type { Client, Decision, Reply } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { NO_FIELDS, type VisitorConnection } from './connection.ts'
import { guarded } from './guard.ts'

const HEAD = { host: 'web--alice.localhost', target: '/', get: () => undefined } as unknown as Head
const clientOf = (context: Partial<VisitorConnection> = {}): Client => ({
  remoteAddress: undefined,
  context: { fields: NO_FIELDS, ...context },
})

const decide = async (decision: Decision, client = clientOf()): Promise<Decision> =>
  guarded(() => decision, { redirectTo: () => undefined })(HEAD, client)

test('a reply of ours that sets a cookie is never cached, whatever its status', async () => {
  const cookie = ['Set-Cookie', '__Host-branchline=1; Secure'] as const
  const reply: Reply = { status: 308, headers: [['location', '/'], ['Cache-Control', 'max-age=60'], cookie] }
  expect(await decide(reply)).toEqual({
    status: 308,
    headers: [['location', '/'], cookie, ['cache-control', 'no-store']],
  })
})

test('other decisions stay as they are', async () => {
  const page: Reply = { status: 200, headers: [['cache-control', 'max-age=60']] }
  expect(await decide(page)).toBe(page)
  const forward = { candidates: [] }
  expect(await decide(forward, clientOf({ fields: [['x-a', 'b']] }))).toBe(forward)
})

test('the port of a circuit is not redirected', async () => {
  const page: Reply = { status: 200 }
  const redirecting = guarded(() => page, { redirectTo: () => 443 })
  expect(await redirecting(HEAD, clientOf({ circuit: 'c' }))).toBe(page)
  expect(await redirecting(HEAD, clientOf())).toMatchObject({ status: 308 })
})
