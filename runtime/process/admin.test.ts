/**
 * Attack: any pod of the cluster reads the route table of another pod, or makes it send its callers away. Fix: only the
 * pod itself may do so, over loopback, and no web page may through the browser of the person who forwards the port.
 */
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { freePortAt } from '../testing/ports.ts'
import { type AdminServer, serveAdmin } from './admin.ts'

let reason: string | undefined
let done = 0
const servers: AdminServer[] = []
/** An address that is not loopback. Traffic to it stays on the machine. */
const OUTER = Object.values(networkInterfaces())
  .flat()
  .find((found) => found?.family === 'IPv4' && !found.internal)?.address

async function serve(hosts: string | readonly string[], port = 0): Promise<AdminServer> {
  const server = await serveAdmin({
    hosts: [hosts].flat(),
    port,
    notReady: () => reason,
    metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' }),
    dumps: { '/table': () => ({ epoch: 1 }) },
    actions: { '/leave': () => done++ },
  })
  servers.push(server)
  return server
}

/** Serves on the address of a pod. Its port must also be free on loopback, where another process may take it. */
async function serveOuter(): Promise<AdminServer> {
  for (let tries = 1; ; tries++) {
    try {
      return await serve(OUTER as string)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tries === 10) throw error
    }
  }
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
  reason = undefined
  done = 0
})

interface Question {
  readonly host?: string
  /** The address that it connects from. */
  readonly from?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}
interface Answer {
  readonly status: number
  readonly text: string
  readonly allow: string | undefined
}

function ask({ port }: AdminServer, path: string, question: Question = {}): Promise<Answer> {
  const { host = '127.0.0.1', from, ...more } = question
  const options = { host, port, path, agent: false, ...(from !== undefined && { localAddress: from }) }
  return new Promise((resolve, reject) => {
    const asking = request({ ...options, ...more }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, allow: response.headers.allow }),
      )
    })
    asking.on('error', reject).end()
  })
}

const POST = { method: 'POST' }

test('it is alive, and ready if there is no reason against it', async () => {
  const server = await serve('127.0.0.1')
  expect(await ask(server, '/livez')).toMatchObject({ status: 200 })
  expect(await ask(server, '/readyz')).toMatchObject({ status: 200 })
  reason = 'no table yet'
  expect(await ask(server, '/readyz')).toMatchObject({ status: 503, text: 'no table yet\n' })
})

test('its own pod gets the metrics and the dumps, and acts only on POST', async () => {
  const server = await serve('127.0.0.1')
  expect(await ask(server, '/metrics')).toMatchObject({ status: 200, text: 'up 1\n' })
  expect(await ask(server, '/table?x')).toMatchObject({ status: 200, text: '{"epoch":1}' })
  expect(await ask(server, '/leave')).toMatchObject({ status: 405, allow: 'POST' })
  expect(done).toBe(0)
  expect(await ask(server, '/leave', POST)).toMatchObject({ status: 204 })
  expect(done).toBe(1)
})

test('other paths and methods are refused', async () => {
  const server = await serve('127.0.0.1')
  expect(await ask(server, '/other')).toMatchObject({ status: 404 })
  expect(await ask(server, '/livez', POST)).toMatchObject({ status: 405, allow: 'GET, HEAD' })
  expect(await ask(server, '/table', POST)).toMatchObject({ status: 405, allow: 'GET, HEAD' })
})

/** Returns the status of each request of a peer, and how often the process acted. */
async function statusesFor(server: AdminServer, question: Question): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {}
  const paths = ['GET /livez', 'GET /readyz', 'GET /metrics', 'GET /table', 'POST /leave', 'GET /leave']
  for (const each of paths) {
    const [method = '', path = ''] = each.split(' ')
    statuses[each] = (await ask(server, path, { ...question, method })).status
  }
  return { ...statuses, done }
}
const OPEN = { 'GET /livez': 200, 'GET /readyz': 200, 'GET /metrics': 200 }
/** What a peer gets that is not the pod itself. Hooks of older injections send a GET of /leave. */
const REFUSED = { ...OPEN, 'GET /table': 403, 'POST /leave': 403, 'GET /leave': 403, done: 0 }
const SERVED = { ...OPEN, 'GET /table': 200, 'POST /leave': 204, 'GET /leave': 405, done: 1 }

test.each(['127.0.0.1', '0.0.0.0'])('a peer at another address, if it listens on %s', async (host) => {
  const server = await serve(host)
  expect(await statusesFor(server, { from: '127.0.0.2' })).toEqual(REFUSED)
  expect(await ask(server, '/table', { from: '127.0.0.2' })).toMatchObject({
    text:
      `/table serves only its own pod, not 127.0.0.2: ` +
      `run "kubectl port-forward POD ${server.port}" and use http://127.0.0.1:${server.port}/table\n`,
  })
})

test('in the embedded cluster, the machine reaches a pod, and a pod does not reach another pod', async () => {
  const server = await serve('127.0.0.3')
  expect(await statusesFor(server, { host: '127.0.0.3', from: '127.0.0.4' })).toEqual(REFUSED)
  expect(await statusesFor(server, { host: '127.0.0.3' })).toEqual(SERVED)
})

test('it serves both families at all addresses, and knows its own pod by either', async () => {
  const server = await serve(['0.0.0.0', '::'], await freePortAt(['0.0.0.0', '::1']))
  for (const host of ['127.0.0.1', '::1']) {
    expect(await ask(server, '/table', { host })).toMatchObject({ status: 200 })
  }
  expect(await statusesFor(server, { from: '127.0.0.2' })).toEqual(REFUSED)
})

describe.skipIf(OUTER === undefined)('on the address of a pod', () => {
  test('it serves its own pod on loopback, and refuses every other peer', async () => {
    const server = await serveOuter()
    const outer = { host: OUTER as string }
    expect(await statusesFor(server, outer)).toEqual(REFUSED)
    // From 127.0.0.1 to the pod's address: a service mesh forwards the requests of others like this.
    expect(await statusesFor(server, { ...outer, from: '127.0.0.1' })).toEqual(REFUSED)
    expect(await statusesFor(server, { from: '127.0.0.2' })).toEqual(REFUSED)
    expect(await statusesFor(server, {})).toEqual(SERVED)
  })

  test('a port that is in use on loopback is an error, and nothing stays open', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    await expect(serve(OUTER as string, port)).rejects.toMatchObject({
      code: 'EADDRINUSE',
      address: '127.0.0.1',
    })
    const [error] = (await once(connect(port, OUTER), 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNREFUSED')
    taken.close()
  })
})

test('once it is closed, nothing listens', async () => {
  const server = await (OUTER === undefined ? serve('127.0.0.1') : serveOuter())
  await ask(server, '/livez')
  await server.close()
  await expect(ask(server, '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test.each<[string, Record<string, string>]>([
  ['of another origin', { origin: 'https://evil.example' }],
  ['with an opaque origin', { origin: 'null' }],
  ['whose name resolves to 127.0.0.1', { host: 'evil.example:25000' }],
])('a web page %s gets nothing through the browser of a person', async (_, headers) => {
  const server = await serve('127.0.0.1')
  const { status, text } = await ask(server, '/table', { headers })
  expect([status, text]).toEqual([403, expect.stringContaining('/table does not serve web pages')])
  expect(await ask(server, '/leave', { headers, ...POST })).toMatchObject({ status: 403 })
  expect(done).toBe(0)
})

test.each(['localhost:4000', '127.0.0.1', '[::1]:25000', '127.3.2.1:25000'])(
  'a forwarded port accepts the Host %s',
  async (host) => {
    const server = await serve('127.0.0.1')
    expect(await ask(server, '/table', { headers: { host } })).toMatchObject({ status: 200 })
  },
)
