import { pino } from 'pino'
import { createClient, type Client } from '@branchline/wire/circuits/client'
import type { Scope } from '@branchline/wire/circuits/credential'
import { later } from '../../../testing/cleanups.ts'
import { createKey, createOwnerKey } from '../access/keys.ts'
import { hashOf } from '@branchline/wire/circuits/secret'
import { testContext } from '../circuits/fixture.ts'
import type { Store } from '../store/store.ts'
import { joinWorker } from '../workers/join.ts'
import { type ApiLimits, DEFAULT_API_LIMITS } from './limits.ts'
import { startApi } from './server.ts'

/** An API of a test. */
export interface TestApi {
  readonly url: string
  /** The owner's key. */
  readonly key: string
  readonly client: Client
  readonly store: Store
  /** A client with a new key of these scopes. */
  readonly clientWith: (scopes: Scope[]) => Promise<Client & { readonly secret: string }>
  /** Sends a request with the owner's key. */
  readonly send: (path: string, init?: TestRequest) => Promise<Response>
}

interface TestRequest extends Omit<RequestInit, 'headers'> {
  readonly headers?: Readonly<Record<string, string>>
}

/** Starts the API on a test's store. It checks every response against its schema. */
export async function startTestApi(store: Store, limits: Partial<ApiLimits> = {}): Promise<TestApi> {
  const key = (await createOwnerKey(store)) as string
  const api = await startApi({
    context: testContext(store),
    logger: pino({ level: 'silent' }),
    limits: { ...DEFAULT_API_LIMITS, ...limits },
    joinWorker: (token, facts) => joinWorker(store, token, facts),
    metrics: () => ['http://127.0.0.1:9090/metrics'],
    checkResponses: true,
    host: '127.0.0.1',
    port: 0,
    httpLimits: { waitingPerAddress: 256 },
  })
  later(() => api.close())
  const { url } = api
  const owner = await store.read((db) =>
    db.selectFrom('api_keys').select('id').where('hash', '=', hashOf(key)).executeTakeFirstOrThrow(),
  )
  return {
    url,
    key,
    store,
    client: createClient({ url, key }),
    clientWith: async (scopes) => {
      const { secret } = await createKey(
        store,
        { keyId: owner.id, scopes: ['admin'] },
        { name: 'test', scopes },
      )
      return Object.assign(createClient({ url, key: secret }), { secret })
    },
    send: (path, init = {}) =>
      fetch(new URL(path, url), { ...init, headers: { authorization: `Bearer ${key}`, ...init.headers } }),
  }
}
