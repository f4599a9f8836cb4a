import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type ShopAnswer, parseAnswer } from './hop.ts'

/** The whole shop without any platform: four processes, each on an address of its own. */
const READY_TIMEOUT_MS = 15_000
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

const answer = async (path: string, headers?: Record<string, string>): Promise<ShopAnswer> =>
  parseAnswer(await get(path, headers))

beforeAll(async () => {
  for (const service of ['db', 'worker', 'api', 'web'] as const) start(service)
  await vi.waitFor(() => answer('/'), { timeout: READY_TIMEOUT_MS - 1000 })
}, READY_TIMEOUT_MS)

afterAll(async () => {
  const running = children.filter((child) => child.exitCode === null && child.signalCode === null)
  const ended = running.map((child) => new Promise((resolve) => child.once('exit', resolve)))
  for (const child of children) child.kill('SIGTERM')
  await Promise.all(ended)
})

test('every service on the way says who it is, the database too', async () => {
  const { hops, products } = await answer('/')
  expect(hops.map(({ service, version, environment }) => [service, version, environment])).toEqual([
    ['web', '1', 'baseline'],
    ['api', '1', 'baseline'],
    ['worker', '1', 'baseline'],
    ['db', 'PostgreSQL 18.4', 'baseline'],
  ])
  expect(products).toHaveLength(3)
})

test('the key goes all the way: by hand from web, by OpenTelemetry from api', async () => {
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

test('a browser gets a page with every hop on it', async () => {
  const page = await get('/', { accept: 'text/html,application/xhtml+xml' })
  expect([...page.matchAll(/data-service="(\w+)"/g)].map(([, service]) => service)).toEqual([
    'web',
    'api',
    'worker',
    'db',
  ])
})

test('raw TCP: the server speaks first, and every octet returns', async () => {
  expect(JSON.parse(await get('/tcp?bytes=3000001'))).toMatchObject({
    greeting: '220 worker 1 baseline',
    bytes: 3_000_001,
    same: true,
  })
})

test('a request that runs at SIGTERM is answered', async () => {
  const web = children.at(-1) as ChildProcess
  const slow = http.get(`http://${hosts.web}:8080/?slow=api&ms=300`)
  await new Promise((resolve) => slow.once('finish', resolve))
  await answer('/')
  web.kill('SIGTERM')
  const [response] = await new Promise<[http.IncomingMessage]>((resolve, reject) => {
    slow.once('response', (response) => resolve([response]))
    slow.once('error', reject)
  })
  expect(response.statusCode).toBe(200)
  response.resume()
})

test('the programs hold no secret', () => {
  for (const file of ['db.ts', 'stock.ts', 'worker.ts']) {
    expect(readFileSync(join(import.meta.dirname, file), 'utf8')).not.toMatch(/password.{0,4}['"]\w+['"]/i)
  }
})
