/** A gateway at a real relay whose links carry few streams. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLogger } from '../../process/log.ts'
import { until } from '../../testing/until.ts'
import { HandPlan } from './fixture.ts'
import { type RunningGateway, startGateway } from './gateway.ts'
import { DEFAULT_GATEWAY_LIMITS, type GatewayLimits } from './limits.ts'

const TOKEN = 'token-of-the-cluster-0123'
const STREAMS = 8

interface Ports {
  readonly httpPort: number
  readonly tunnelPort: number
  readonly adminPort: number
}

const held: ServerResponse[] = []
const app = createServer((_, response) => void held.push(response))
let relay: ChildProcess
let ports: Ports
let gateway: RunningGateway | undefined

beforeEach(async () => {
  await once(app.listen(0, '127.0.0.1'), 'listening')
  relay = spawn(process.execPath, [join(import.meta.dirname, '../../relay/main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      POD_IP: '127.0.0.1',
      BRANCHLINE_HTTP_PORT: '0',
      BRANCHLINE_TUNNEL_PORT: '0',
      BRANCHLINE_ADMIN_PORT: '0',
      BRANCHLINE_API_PORT: '0',
      BRANCHLINE_RELAY_TOKEN: TOKEN,
      BRANCHLINE_TUNNEL_STREAMS: String(STREAMS),
    },
  })
  ports = await portsOf(relay)
})

afterEach(async () => {
  await gateway?.stop()
  gateway = undefined
  relay.kill('SIGKILL')
  held.length = 0
  app.closeAllConnections()
  await new Promise((resolve) => app.close(resolve))
})

async function portsOf({ stdout }: ChildProcess): Promise<Ports> {
  for await (const line of createInterface({ input: stdout as NodeJS.ReadableStream })) {
    const fields = JSON.parse(line) as Ports & { msg: string }
    if (!fields.msg.endsWith(' runs')) continue
    stdout?.resume()
    return fields
  }
  throw new Error('the relay ended before it ran')
}

async function connect(limits: Partial<GatewayLimits>): Promise<void> {
  const { port } = app.address() as AddressInfo
  const view = new HandPlan().service('alice', 'web', 80, `127.0.0.1:${port}`).plan('alice')
  gateway = startGateway({
    view,
    relay: new URL(`ws://127.0.0.1:${ports.tunnelPort}`),
    token: TOKEN,
    cluster: 'dev',
    logger: createLogger('gateway', 'silent'),
    limits: { drainMs: 50, linkCheckMs: 10, ...limits },
  })
  await until(() => view.reports.get('web--alice')?.state === 'registered')
}

async function links(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${ports.adminPort}/metrics`)).text()
  return Number(/^branchline_relay_links (\d+)$/m.exec(text)?.[1])
}

async function ask(): Promise<number | undefined> {
  const sent = request({
    host: '127.0.0.1',
    port: ports.httpPort,
    agent: false,
    method: 'POST',
    headers: { host: 'web--alice.localhost' },
  })
  sent.end('body')
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

const answer = (): void => {
  for (const response of held.splice(0)) response.end('app')
}

test('further links open before the first one is full, and end when they are no longer needed', async () => {
  await connect({ surplusMs: 50 })
  expect(await links()).toBe(1)
  const statuses: Promise<number | undefined>[] = []
  // One after the other, so that no request has to wait for room.
  for (let count = 1; count <= 3 * STREAMS; count++) {
    statuses.push(ask())
    await until(() => held.length === count)
  }
  await until(async () => (await links()) === 4)
  answer()
  expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
  await until(async () => (await links()) === 1)
  const last = ask()
  await until(() => held.length === 1)
  answer()
  expect(await last).toBe(200)
})

test('more requests at once than all links carry all get a response', async () => {
  await connect({})
  const { links: most } = DEFAULT_GATEWAY_LIMITS
  const statuses = Array.from({ length: 2 * most * STREAMS }, ask)
  await until(() => held.length === most * STREAMS)
  const answering = setInterval(answer, 5)
  expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
  clearInterval(answering)
  expect(await links()).toBe(most)
})

test('a surplus link that still carries a request ends after it', async () => {
  await connect({ surplusMs: 50, links: 2 })
  const statuses: Promise<number | undefined>[] = []
  for (let count = 1; count <= STREAMS + 2; count++) {
    statuses.push(ask())
    await until(() => held.length === count)
  }
  await until(async () => (await links()) === 2)
  // Both links carry some of what is left.
  const kept = [held.shift(), held.pop()]
  answer()
  await until(() => held.length === 0)
  await Promise.race(statuses)
  for (const response of kept) response?.end('late')
  expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
  await until(async () => (await links()) === 1)
})
