import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'
import { createLogger } from '../process/log.ts'
import { later } from '../testing/cleanups.ts'
import { readConfig, type RelayConfig } from './config.ts'
import { testServer, type TestServer } from './coordinator/store/fixture.ts'
import { DEFAULT_RELAY_LIMITS, type RelayLimits } from './limits.ts'
import { type RunningRelay, startRelay } from './relay.ts'
import type { HttpsOptions } from './worker/frontends/listeners.ts'

/** A token that the relay of these tests accepts for any cluster. */
export const TOKEN = 'token-of-the-tests-0123456789'
/** A token that is valid only for the cluster `bound`. */
export const BOUND_TOKEN = 'token-of-the-bound-0123456789'

let server: Promise<TestServer> | undefined
/** By state directory: the database that belongs to it, so that a restarted relay finds its data. */
const databases = new Map<string, string>()

afterAll(async () => {
  await (await server)?.stop()
  server = undefined
})

/** The URL of a database of its own, with all tables. */
async function testDatabase(): Promise<string> {
  server ??= testServer()
  const { store, address } = await (await server).testStore()
  await store.close()
  if ('connectionString' in address) return address.connectionString
  const { host, port, user, database } = address
  return `postgres://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`
}

async function databaseOf(directory: string | undefined): Promise<string> {
  const known = directory === undefined ? undefined : databases.get(directory)
  const url = known ?? (await testDatabase())
  if (directory !== undefined) databases.set(directory, url)
  return url
}

/** A relay on free ports of loopback, with a database of its own. One with a state directory keeps its database. */
export async function relayFor(
  variables: Record<string, string> = {},
  limits: Partial<RelayLimits> = {},
  https?: HttpsOptions,
): Promise<RunningRelay> {
  const config: RelayConfig = readConfig({
    DATABASE_URL: await databaseOf(variables['BRANCHLINE_STATE_DIR']),
    BRANCHLINE_API_PORT: '0',
    BRANCHLINE_WORKER_NAME: 'test',
    POD_IP: '127.0.0.1',
    BRANCHLINE_HTTP_PORT: '0',
    BRANCHLINE_TUNNEL_PORT: '0',
    BRANCHLINE_ADMIN_PORT: '0',
    BRANCHLINE_PUBLIC_URL: 'http://localhost:8080',
    BRANCHLINE_RELAY_TOKEN: `${TOKEN},bound:${BOUND_TOKEN}`,
    ...variables,
  })
  const http = { ...DEFAULT_RELAY_LIMITS.http, drainMs: 200, drainIdleMs: 20 }
  const http2 = { ...DEFAULT_RELAY_LIMITS.http2, drainMs: 200, drainIdleMs: 20 }
  const relay = await startRelay(
    // Off, except in tests of a relay that has just started, or of requests that wait.
    {
      ...config,
      limits: { ...config.limits, http, http2, returnMs: 0, hold: { holdMs: 0, held: 0 }, ...limits },
    },
    createLogger('relay', 'silent'),
    { version: '0.0.0', https },
  )
  later(() => relay.stop())
  return relay
}

/** An app on a free port of loopback. */
export async function appFor(listener: RequestListener): Promise<{ endpoint: string; server: Server }> {
  const server = createServer(listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  later(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

/** The response to a visitor. */
export interface TextResponse {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** Sends one request of a visitor, on its own connection. */
export async function visit(
  port: number,
  options: { host: string; path?: string; method?: string; headers?: Record<string, string>; body?: string },
): Promise<TextResponse> {
  const { host, path = '/', method = 'GET', headers = {}, body } = options
  const sent = request({ host: '127.0.0.1', port, path, method, agent: false, headers: { ...headers, host } })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode ?? 0, headers: response.headers, body: text }
}
