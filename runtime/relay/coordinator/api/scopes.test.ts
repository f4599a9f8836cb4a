import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanUp } from '../../../testing/cleanups.ts'
import { type TestServer, testServer } from '../store/fixture.ts'
import { startTestApi, type TestApi } from './fixture.ts'
import { openApi } from './openapi.ts'

interface Described {
  readonly operationId: string
  readonly security: readonly unknown[]
  readonly 'x-branchline-needs': string
  readonly responses: Readonly<Record<string, unknown>>
}
const document = openApi() as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
}
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(
    ([method, described]) =>
      [`${method.toUpperCase()} ${path}`, method.toUpperCase(), path, described] as const,
  ),
)
/** A valid value of each path parameter. */
const VALUES: Readonly<Record<string, string>> = {
  key: 'a',
  target: 'a',
  worker: 'a',
  group: 'default',
  id: '00000000-0000-4000-8000-000000000000',
}

let server: TestServer
let api: TestApi
let weak: string
beforeAll(async () => {
  server = await testServer()
  api = await startTestApi((await server.testStore()).store, { failures: 10_000 })
  // The scope that no operation needs besides its own one.
  weak = (await api.clientWith(['metrics:read'])).secret
})
afterAll(async () => {
  await cleanUp()
  await server.stop()
})

const send = (method: string, path: string, key?: string): Promise<Response> => {
  const concrete = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => VALUES[name] as string)
  return fetch(api.url + concrete, {
    method,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
  })
}

const secured = operations.filter(([, , , { security }]) => security.length > 0)
const scoped = secured.filter(
  ([, , , described]) => !['any', 'join-token', 'metrics:read'].includes(described['x-branchline-needs']),
)

test('the document has all operations that need a key', () => {
  expect(operations.length).toBeGreaterThan(40)
  expect(scoped.length).toBeGreaterThan(35)
})

test.each(secured)(
  '%s refuses a request without a key, and a wrong one',
  async (_name, method, path, { responses }) => {
    expect((await send(method, path)).status).toBe(401)
    expect((await send(method, path, 'blk_wrong')).status).toBe(401)
    expect(Object.keys(responses)).toContain('401')
  },
)

test.each(scoped)('%s refuses a key without its scope', async (_name, method, path, { responses }) => {
  const response = await send(method, path, weak)
  expect([response.status, await response.json()]).toMatchObject([
    403,
    { type: 'https://branchline.dev/problems/missing-scope' },
  ])
  expect(Object.keys(responses)).toContain('403')
})
