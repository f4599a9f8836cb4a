import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { until } from '../harness/until.ts'
import { type ShopResponse, parseResponse, SERVICE_FIELD } from './hop.ts'

/** The whole shop without a platform: four processes, each on its own address. */
const READY_TIMEOUT_MS = 60_000
const network = `127.${100 + (process.pid % 100)}.${1 + (process.pid % 250)}`
const hosts = { db: `${network}.4`, worker: `${network}.3`, api: `${network}.2`, web: `${network}.1` }
const children: ChildProcess[] = []

function start(service: keyof typeof hosts): void {
  const variables: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    POD_IP: hosts[service],
    PORT: service === 'db' ? '5432' : '8080',
    VERSION: '1',
    ENVIRONMENT: 'baseline',
    DB_PASSWORD: 'only-here',
  }
  for (const [name, host] of Object.entries(hosts)) variables[`${name.toUpperCase()}_SERVICE_HOST`] = host
  const program = join(import.meta.dirname, `${service}.ts`)
  children.push(spawn('node', [program], { env: variables, stdio: ['ignore', 'ignore', 'inherit'] }))
}

async function get(path: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`http://${hosts.web}:8080${path}`, { headers })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text
}

const answer = async (path: string, headers?: Record<string, string>): Promise<ShopResponse> =>
  parseResponse(await get(path, headers))

beforeAll(async () => {
  for (const service of ['db', 'worker', 'api', 'web'] as const) start(service)
  await until('the shop answers', () => answer('/'), READY_TIMEOUT_MS - 1000)
}, READY_TIMEOUT_MS)

afterAll(async () => {
  const running = children.filter((child) => child.exitCode === null && child.signalCode === null)
  const ended = running.map((child) => new Promise((resolve) => child.once('exit', resolve)))
  for (const child of children) child.kill('SIGTERM')
  await Promise.all(ended)
})

test('every response names its service, also an error', async () => {
  for (const path of ['/', '/healthz', '/tcp?bytes=1&at=none']) {
    const response = await fetch(`http://${hosts.web}:8080${path}`)
    expect([path, response.headers.get(SERVICE_FIELD)]).toEqual([path, 'web'])
    await response.text()
  }
})

test('every service on the path identifies itself, including the database', async () => {
  const { hops, products } = await answer('/')
  expect(hops.map(({ service, version, environment }) => [service, version, environment])).toEqual([
    ['web', '1', 'baseline'],
    ['api', '1', 'baseline'],
    ['worker', '1', 'baseline'],
    ['db', 'PostgreSQL 18.4', 'baseline'],
  ])
  expect(products).toHaveLength(3)
})

test('the key reaches every service: by hand from web, by OpenTelemetry from api', async () => {
  const sent = {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'branchline=alice,other=1',
    baggage: 'branchline=alice,user=7',
  }
  const { hops } = await answer('/?fields', sent)
  for (const hop of hops.slice(0, 3)) {
    const fields = new Map(hop.fields)
    expect(fields.get('tracestate')).toBe(sent.tracestate)
    expect(fields.get('baggage')).toBe(sent.baggage)
    expect(fields.get('traceparent')).toContain('0af7651916cd43dd8448eb211c80319c')
  }
})

test('a browser gets a page with every hop', async () => {
  const page = await get('/', { accept: 'text/html,application/xhtml+xml' })
  expect([...page.matchAll(/data-service="(\w+)"/g)].map(([, service]) => service)).toEqual([
    'web',
    'api',
    'worker',
    'db',
  ])
})

test('raw TCP: the server speaks first, and every byte returns', async () => {
  expect(JSON.parse(await get('/tcp?bytes=3000001'))).toMatchObject({
    greeting: '220 worker 1 baseline',
    bytes: 3_000_001,
    same: true,
  })
})

/** A `web` whose API is a server of the test. */
async function webWithApi(api: http.Server): Promise<{ web: ChildProcess; port: number }> {
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  const variables = { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: '0', API_SERVICE_HOST: '127.0.0.1' }
  const web = spawn('node', [join(import.meta.dirname, 'web.ts')], {
    env: { ...variables, API_SERVICE_PORT: String((api.address() as AddressInfo).port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(web)
  for await (const line of createInterface({ input: web.stdout })) {
    const { port } = JSON.parse(line) as { port?: number }
    if (port !== undefined) return { web, port }
  }
  throw new Error('web ended before it was running')
}

const refuses = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(false))
    socket.once('error', () => resolve(true)).once('close', () => socket.destroy())
    socket.once('connect', () => socket.destroy())
  })

test('a request that is running at SIGTERM gets its response', async () => {
  const arrived = Promise.withResolvers<http.ServerResponse>()
  const api = http.createServer((_request, response) => arrived.resolve(response))
  const { web, port } = await webWithApi(api)
  const response = fetch(`http://127.0.0.1:${port}/`)
  const held = await arrived.promise
  web.kill('SIGTERM')
  // It has handled the signal when it accepts no more connections.
  await vi.waitUntil(() => refuses(port), { timeout: READY_TIMEOUT_MS, interval: 10 })
  held.writeHead(200, { [SERVICE_FIELD]: 'api' }).end('{"hops":[],"products":[]}')
  expect((await response).status).toBe(200)
  api.close()
})

test('a response of another server is an error, and its connection is not kept', async () => {
  const sockets = new Set<unknown>()
  // The response of a gateway for an address that a Service will soon have.
  const api = http.createServer((request, response) => {
    sockets.add(request.socket)
    response.writeHead(404, { server: 'gateway', 'content-length': '0' }).end()
  })
  const { web, port } = await webWithApi(api)
  for (const count of [1, 2]) {
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect(response.status).toBe(502)
    expect(await response.text()).toMatch(
      /api was not reached: 127\.0\.0\.1:\d+, server gateway returned 404: \(empty\)/,
    )
    expect(sockets.size).toBe(count)
  }
  web.kill('SIGTERM')
  api.close()
})

test('the programs contain no secret', () => {
  for (const file of ['db.ts', 'stock.ts', 'worker.ts']) {
    expect(readFileSync(join(import.meta.dirname, file), 'utf8')).not.toMatch(/password.{0,4}['"]\w+['"]/i)
  }
})
