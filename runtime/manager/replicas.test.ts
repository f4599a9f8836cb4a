/** Real processes: a relay and two managers, one of which leads. Visitors do not notice when it stops or dies. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LeaseApi } from './fixture/lease-api.ts'
import { environment, pod, preview, service, slice } from './fixture/objects.ts'

const TOKEN = 'token-of-the-cluster-0123'
const HOST = 'web--base.localhost'
const WAIT = { timeout: 30_000, interval: 20 }
const [READERS, WRITERS] = [4, 4]

const children = new Set<ChildProcess>()
let folder: string
let api: LeaseApi
const app = createServer()
/** How often the app received each POST, by its body. */
const arrived = new Map<string, number>()

beforeEach(async () => {
  app.on('request', (incoming: IncomingMessage, response) => {
    let body = ''
    incoming
      .setEncoding('utf8')
      .on('data', (text: string) => (body += text))
      .on('end', () => {
        if (incoming.method === 'POST') arrived.set(body, (arrived.get(body) ?? 0) + 1)
        response.end(body)
      })
  })
  await once(app.listen(0, '127.0.0.1'), 'listening')
  const { port } = app.address() as AddressInfo
  api = new LeaseApi([
    environment('base'),
    preview('base', 'web'),
    service('base', 'web'),
    pod('base', 'web-0', '127.0.0.1'),
    slice('base', 'web', [{ pod: 'web-0', ip: '127.0.0.1' }], { port }),
  ])
  await api.listen()
  folder = await mkdtemp(join(tmpdir(), 'branchline-replicas-'))
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  app.closeAllConnections()
  app.close()
  await api.close()
  await rm(folder, { recursive: true })
})

/** Starts a process of the platform. Resolves to the fields of its "runs" log line. */
async function start(
  entry: string,
  variables: Record<string, string>,
): Promise<{ child: ChildProcess; ports: Record<string, number> }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, entry)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      POD_IP: '127.0.0.1',
      BRANCHLINE_ADMIN_PORT: '0',
      BRANCHLINE_API_PORT: '0',
      BRANCHLINE_RELAY_TOKEN: TOKEN,
      ...variables,
    },
  })
  children.add(child.once('exit', () => children.delete(child)))
  for await (const line of createInterface({ input: child.stdout })) {
    const fields = JSON.parse(line) as Record<string, number> & { msg: string }
    if (!fields.msg.endsWith(' runs')) continue
    child.stdout.resume()
    return { child, ports: fields }
  }
  throw new Error(`${entry} ended before it ran`)
}

async function startManager(name: string, tunnelPort: number): Promise<ChildProcess> {
  const kubeConfig = join(folder, name)
  const context = { name, context: { cluster: name, user: name } }
  const clusters = [{ name, cluster: { server: api.access().server, 'insecure-skip-tls-verify': true } }]
  const users = [{ name, user: { token: name } }]
  await writeFile(
    kubeConfig,
    JSON.stringify({ 'current-context': name, contexts: [context], clusters, users }),
  )
  const { child } = await start('main.ts', {
    KUBECONFIG: kubeConfig,
    HOSTNAME: name,
    BRANCHLINE_ROUTES_PORT: '0',
    BRANCHLINE_RELAY: `ws://127.0.0.1:${tunnelPort}`,
  })
  return child
}

/** Visitors on keep-alive connections. Some of them read, and some write. */
class Visitors {
  served = 0
  readonly failed: string[] = []
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: READERS + WRITERS })
  readonly #all: Promise<void>[]
  #going = true
  #bodies = 0

  constructor(port: number) {
    this.#port = port
    const methods = [...Array<string>(READERS).fill('GET'), ...Array<string>(WRITERS).fill('POST')]
    this.#all = methods.map(async (method) => {
      while (this.#going) await this.#visit(method)
    })
  }

  async stop(): Promise<void> {
    this.#going = false
    await Promise.all(this.#all)
    this.#agent.destroy()
  }

  async #visit(method: string): Promise<void> {
    const headers = { host: HOST }
    const sent = request({ host: '127.0.0.1', port: this.#port, agent: this.#agent, method, headers })
    sent.end(method === 'POST' ? `body ${this.#bodies++}` : undefined)
    try {
      const [response] = (await once(sent, 'response')) as [IncomingMessage]
      let text = ''
      for await (const chunk of response) text += String(chunk)
      if (response.statusCode !== 200) this.failed.push(`${method} ${response.statusCode} ${text}`)
    } catch (error) {
      this.failed.push(`${method} ${String(error)}`)
    }
    this.served++
  }
}

test('the leader stops, and another replica is killed, under load', { timeout: 120_000 }, async () => {
  const { ports } = await start('../relay/main.ts', {
    BRANCHLINE_HTTP_PORT: '0',
    BRANCHLINE_TUNNEL_PORT: '0',
    BRANCHLINE_API_PORT: '0',
  })
  const { httpPort = 0, tunnelPort = 0, adminPort = 0 } = ports
  const managers = new Map<string, ChildProcess>()
  const run = async (name: string): Promise<void> => {
    managers.set(name, await startManager(name, tunnelPort))
  }
  const links = async (): Promise<number> => {
    const previews = (await (await fetch(`http://127.0.0.1:${adminPort}/previews`)).json()) as object
    return (previews as Record<string, { links: number }>)['web--base']?.links ?? 0
  }
  await Promise.all([run('one'), run('two')])
  await expect.poll(links, WAIT).toBe(2)
  await expect.poll(() => api.holder, WAIT).not.toBe('')
  const visitors = new Visitors(httpPort)
  const more = async (): Promise<void> => {
    const wanted = visitors.served + 300
    await expect.poll(() => visitors.served, WAIT).toBeGreaterThan(wanted)
  }
  await more()

  const depose = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const { holder } = api
    const leader = managers.get(holder) as ChildProcess
    const exited = once(leader, 'exit')
    leader.kill(signal)
    expect(await exited).toEqual(signal === 'SIGTERM' ? [0, null] : [null, signal])
    await more()
    await expect.poll(() => api.holder, WAIT).not.toBe(holder)
    await expect.poll(() => api.holder, WAIT).not.toBe('')
    await run(holder)
    await expect.poll(links, WAIT).toBe(2)
    await more()
  }
  await depose('SIGTERM')
  expect(visitors.failed).toEqual([])
  await depose('SIGKILL')
  await visitors.stop()

  // The relay does not repeat a POST that may have arrived. Its visitor gets an error.
  const lost = visitors.failed.filter((failure) => /^POST 502 .*"reason":"tunnel-lost"/.test(failure))
  expect(visitors.failed).toEqual(lost)
  expect(lost.length).toBeLessThanOrEqual(WRITERS)
  expect([...arrived.values()].filter((times) => times > 1)).toEqual([])
  expect(api.statuses).toBeGreaterThan(0)
  expect(api.strangers).toEqual([])
})
