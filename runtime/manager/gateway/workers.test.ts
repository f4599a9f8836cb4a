/** A manager at a relay of two workers, each in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createClient } from '@branchline/wire/circuits/client'
import { afterEach, expect, test } from 'vitest'
import { createLogger } from '../../process/log.ts'
import { cleanUp, later } from '../../testing/cleanups.ts'
import { until } from '../../testing/until.ts'
import { HandPlan } from './fixture.ts'
import { startGateway } from './gateway.ts'

afterEach(cleanUp)

const TOKEN = 'token-of-the-tests-0123456789'

interface Addresses {
  readonly http: string
  readonly api: string
  readonly tunnel: string
  readonly key?: string
}

async function startRelay(variables: Record<string, string>): Promise<Addresses & { child: ChildProcess }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../relay/main.ts'), '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      POD_IP: '127.0.0.1',
      BRANCHLINE_HTTP_PORT: '0',
      BRANCHLINE_TUNNEL_PORT: '0',
      BRANCHLINE_ADMIN_PORT: '0',
      BRANCHLINE_API_PORT: '0',
      BRANCHLINE_RELAY_TOKEN: TOKEN,
      ...variables,
    },
  })
  later(async () => {
    const ended = once(child, 'exit')
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGTERM')) await ended
  })
  for await (const line of createInterface({ input: child.stdout })) {
    child.stdout.resume()
    return { ...(JSON.parse(line) as Addresses), child }
  }
  throw new Error('the relay ended before it ran')
}

async function visit(http: string): Promise<string> {
  const sent = request(http, { headers: { host: 'web--alice.localhost' }, agent: false }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

test('a manager keeps tunnels to both workers, and the loss of one is not noticed at the other', async () => {
  const app = createServer((_, response) => response.end('app'))
  await once(app.listen(0, '127.0.0.1'), 'listening')
  later(async () => void app.close())
  const one = await startRelay({ BRANCHLINE_WORKER_NAME: 'one' })
  const client = createClient({ url: one.api, key: one.key ?? '' })
  const { secret } = await client.createJoinToken({ body: { name: 'two' } })
  const two = await startRelay({
    BRANCHLINE_ROLE: 'worker',
    BRANCHLINE_WORKER_NAME: 'two',
    BRANCHLINE_COORDINATORS: one.api,
    BRANCHLINE_JOIN_TOKEN: secret,
  })
  const view = new HandPlan()
    .service('alice', 'web', 80, `127.0.0.1:${(app.address() as AddressInfo).port}`)
    .plan('alice')
  const gateway = startGateway({
    view,
    relay: new URL(one.tunnel),
    token: TOKEN,
    cluster: 'dev',
    logger: createLogger('gateway', 'silent'),
  })
  later(() => gateway.stop())
  await until(async () => {
    const { items } = await client.listClusters({})
    return items[0]?.workers.length === 2
  })
  for (const { http } of [one, two]) await until(async () => (await visit(http)) === 'app')
  const ended = once(one.child, 'exit')
  one.child.kill('SIGKILL')
  await ended
  for (let count = 0; count < 20; count++) expect(await visit(two.http)).toBe('app')
})
