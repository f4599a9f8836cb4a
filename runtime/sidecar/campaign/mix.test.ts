import type { IncomingMessage, RequestListener } from 'node:http'
import type { Duplex } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { keyed, type Pod, target, World } from '../fixture/world.ts'
import { Expectation } from './expectation.ts'
import { type PeerResponse, GrpcCaller, Http2Client, http2App, stopHttp2Peers } from './http2-peers.ts'
import { PipeliningClient } from './pipelining-client.ts'

const SLOW = process.env['BRANCHLINE_SLOW'] === '1'
const REQUESTS = SLOW ? 150_000 : 8_000
const SEED = Number(process.env['BRANCHLINE_CAMPAIGN_SEED'] ?? Date.now() % 1_000_000)
const CONNECTIONS = 16
const WEBSOCKETS = 6
/** The number of HTTP/2 connections, and of gRPC channels. */
const MULTIPLEXED = 3
/** A request that takes longer counts as hanging. */
const REQUEST_TIMEOUT_MS = 20_000
const BRANCHES = ['alice', 'bob', 'carol'] as const
const KEYS = [...BRANCHES, 'nobody', undefined] as const

/** Random numbers that a seed reproduces (mulberry32). */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed | 0
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
  }
}
const below = randomFrom(SEED)
const oneOf = <T>(choices: readonly T[]): T => choices[below(choices.length)] as T

const world = await World.create()
afterAll(async () => {
  stopHttp2Peers()
  await world.close()
})

/** How often apps received each id. */
const arrivals = new Map<string, number>()
const arrived = (id: string): void => void arrivals.set(id, (arrivals.get(id) ?? 0) + 1)
const websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })

/** Responds with its name, the request's path and the body's length. Echoes WebSocket messages. */
async function namedApp(name: string): Promise<number> {
  const listener: RequestListener = (request, response) => {
    let length = 0
    request.on('data', (part: Buffer) => (length += part.length))
    request.on('end', () => {
      arrived(request.url as string)
      response.setHeader('x-app', name).end(`${request.url ?? ''} ${length}`)
    })
  }
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    websockets.handleUpgrade(request, socket, head, (peer) => {
      peer.on('error', () => {})
      peer.on('message', (data: Buffer, binary) => {
        arrived(data.subarray(0, 16).toString().trim())
        peer.send(binary ? data : `${name} ${data.toString()}`)
      })
      peer.send(name)
    })
  }
  return world.app(name, listener, upgrade)
}

const expectation = new Expectation()
const faults: string[] = []
let begun = 0
let done = 0
const goesOn = (): boolean => begun < REQUESTS

/** Rejects with a name if a promise takes too long. */
function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs`)), REQUEST_TIMEOUT_MS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

interface Entry {
  readonly environment: string
  readonly port: number
}

/** Whether this app may serve requests that entered at this environment with this key. */
function isRight(entry: Entry, key: string | undefined, app: string, began: number): boolean {
  const isHere = key === undefined || key === entry.environment
  if (isHere && entry.environment !== 'baseline') return app === entry.environment
  return key === undefined ? app === 'baseline' : expectation.allows(key, app, began)
}

async function converse(entries: readonly Entry[]): Promise<void> {
  while (goesOn()) {
    const entry = oneOf(entries)
    const client = new PipeliningClient(entry.port)
    for (let turn = below(200); turn >= 0; turn--) {
      const began = expectation.moment
      const batch = Array.from({ length: 1 + below(4) }, () => ({
        id: `/h${begun++}`,
        key: oneOf(KEYS),
        size: below(4) === 0 ? below(30_000) : -1,
      }))
      const requests = batch.map(({ id, key, size }) => {
        const state = key === undefined ? '' : `tracestate: ${keyed(key)['tracestate']}\r\n`
        return size < 0
          ? `GET ${id} HTTP/1.1\r\nhost: api\r\n${state}\r\n`
          : `POST ${id} HTTP/1.1\r\nhost: api\r\n${state}content-length: ${size}\r\n\r\n${'b'.repeat(size)}`
      })
      const replies = await within(`${entry.environment} ${JSON.stringify(batch)}`, client.send(requests))
      for (const [index, { id, key, size }] of batch.entries()) {
        const { status, app, body } = replies[index] as (typeof replies)[number]
        done++
        const right =
          status === 200 && body === `${id} ${Math.max(0, size)}` && isRight(entry, key, app, began)
        if (!right) faults.push(`${entry.environment} ${id} with ${key}: ${status} of ${app}, ${body}`)
      }
    }
    client.close()
  }
}

/** One WebSocket after the other: the app that accepts the upgrade echoes every message in order. */
async function chat(entries: readonly Entry[]): Promise<void> {
  while (goesOn()) {
    const entry = oneOf(entries)
    const key = oneOf(KEYS)
    const began = expectation.moment
    const socket = new WebSocket(`ws://127.0.0.1:${entry.port}/`, {
      headers: key === undefined ? {} : keyed(key),
      perMessageDeflate: false,
    })
    const received: string[] = []
    let wake: (() => void) | undefined
    socket.on('message', (data: Buffer) => {
      received.push(data.toString())
      wake?.()
    })
    const next = (): Promise<string> =>
      within(
        `a WebSocket of ${key} at ${entry.environment}`,
        new Promise((resolve, reject) => {
          socket.once('error', reject)
          wake = () => {
            if (received.length === 0) return
            wake = undefined
            socket.off('error', reject)
            resolve(received.shift() as string)
          }
          wake()
        }),
      )
    const app = await next()
    if (!isRight(entry, key, app, began)) faults.push(`WebSocket at ${entry.environment} with ${key}: ${app}`)
    for (let turn = below(30); turn >= 0; turn--) {
      const messages = Array.from({ length: 1 + below(4) }, () =>
        `w${begun++}`.padEnd(16 + (below(8) === 0 ? below(100_000) : 0)),
      )
      for (const message of messages) socket.send(message)
      for (const message of messages) {
        const got = await next()
        done++
        if (got !== `${app} ${message}`) faults.push(`${message.trim()} came back as ${got.slice(0, 64)}`)
      }
    }
    socket.close()
  }
}

/** Many concurrent streams on one connection, each with its own key. */
async function multiplex(
  prefix: string,
  entry: Entry,
  ask: (id: string, headers: Record<string, string>) => Promise<PeerResponse>,
): Promise<void> {
  while (goesOn()) {
    const batch = Array.from({ length: 1 + below(16) }, () => ({
      id: `${prefix}${begun++}`,
      key: oneOf(KEYS),
    }))
    await Promise.all(
      batch.map(async ({ id, key }) => {
        const began = expectation.moment
        const what = `${entry.environment} ${id} with ${key}`
        const { app, body } = await within(what, ask(id, key === undefined ? {} : keyed(key)))
        done++
        if (body !== id || !isRight(entry, key, app, began)) faults.push(`${what}: ${app}, ${body}`)
      }),
    )
  }
}

function http2Workers(entries: readonly Entry[]): Promise<void>[] {
  return Array.from({ length: MULTIPLEXED }, () => {
    const [one, other] = [oneOf(entries), oneOf(entries)]
    const [streams, calls] = [new Http2Client(one.port), new GrpcCaller(other.port)]
    return [
      multiplex('/s', one, (id, headers) => streams.get(id, headers)),
      multiplex('g', other, (id, headers) => calls.call(id, headers)),
    ]
  }).flat()
}

/** Pods of the baseline and of each branch, each with the app of its name. */
async function podsOf(protocol: 'http' | 'grpc', app: (name: string) => Promise<number>): Promise<Pods> {
  const baseline = await world.pod({ protocol, appPort: await app('baseline') })
  const ports = new Map<string, number[]>()
  for (const environment of BRANCHES) {
    const appPort = await app(environment)
    const routes = { own: [environment], base: target('baseline', [baseline.port]) }
    // Two replicas, each with its own sidecar.
    const one = await world.pod({ protocol, appPort, environment, routes })
    const other = await world.pod({ protocol, appPort, environment, routes })
    ports.set(environment, [one.port, other.port])
  }
  const entries = [...ports].flatMap(([environment, all]) => all.map((port) => ({ environment, port })))
  for (let i = 0; i < 6; i++) entries.push({ environment: 'baseline', port: baseline.port })
  return { baseline, ports, entries }
}

interface Pods {
  readonly baseline: Pod
  readonly ports: ReadonlyMap<string, number[]>
  readonly entries: readonly Entry[]
}

/** Routes each key to its own branch or to the baseline, again and again, until all requests have a response. */
async function churn(all: readonly Pods[]): Promise<number> {
  const routed = new Set<string>()
  let changes = 0
  while (goesOn()) {
    const settle: (() => void)[] = []
    for (const key of BRANCHES) {
      if (below(2) === 0) continue
      if (!routed.delete(key)) routed.add(key)
      settle.push(expectation.change(key, routed.has(key) ? key : 'baseline'))
    }
    await Promise.all(
      all.map(({ baseline, ports }) => {
        const routes = [...routed].map((key) => [key, target(key, ports.get(key) ?? [])] as const)
        return baseline.route({ routes: Object.fromEntries(routes) })
      }),
    )
    for (const done of settle) done()
    changes++
    await new Promise((resolve) => setTimeout(resolve, below(20)))
  }
  return changes
}

test(
  `${REQUESTS} requests, messages, streams and calls while routes change, seed ${SEED}`,
  { timeout: SLOW ? 600_000 : 300_000 },
  async () => {
    for (const key of [...BRANCHES, 'nobody']) expectation.change(key, 'baseline')
    const http1 = await podsOf('http', namedApp)
    const http2 = await podsOf('grpc', (name) => http2App(name, arrived))
    const [changes] = await Promise.all([
      churn([http1, http2]),
      ...Array.from({ length: CONNECTIONS }, () => converse(http1.entries)),
      ...Array.from({ length: WEBSOCKETS }, () => chat(http1.entries)),
      ...http2Workers(http2.entries),
    ])
    expect(faults.slice(0, 10)).toEqual([])
    expect(done).toBe(begun)
    expect(arrivals.size).toBe(begun)
    expect([...arrivals].filter(([, times]) => times !== 1)).toEqual([])
    expect(changes).toBeGreaterThan(20)
    for (const kind of ['/h', 'w', '/s', 'g']) {
      const share = [...arrivals.keys()].filter((id) => id.startsWith(kind)).length
      expect(share, `share of ${kind}`).toBeGreaterThan(begun / 50)
    }
  },
)
