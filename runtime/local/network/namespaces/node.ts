import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { dialTcp, type Endpoint } from '../dial.ts'
import { serveDns } from '../dns/server.ts'
import { type Resolution, Resolver } from '../dns/zone.ts'
import { Forwarder } from '../forwarder.ts'
import { CLUSTER_DOMAIN } from '../names.ts'
import { callAddress, callerOf, DNS_ADDRESS, isInside, PROXY } from './addresses.ts'
import { dialThrough, listenAtPath } from './door.ts'
import { DOORS, type Order, type Report } from './messages.ts'
import { createProxy } from './proxy.ts'
import { podScript, removeScript } from './scripts.ts'

/** How long the address of a removed pod refuses connections before it is unreachable, in milliseconds. */
const LINGER_MS = 30_000
/** The maximum names that are reported as unknown. */
const MAX_UNKNOWN_NAMES = 1_000

/**
 * The node of the pods' network. It runs inside, makes the networks of pods, forwards the ports of Services, resolves
 * names, and leads in and out through Unix sockets in the run's folder.
 */
export class Node {
  readonly #folder: string
  readonly #report: (report: Report) => void
  readonly #listeners = new Map<number, { forwarder?: Forwarder; endpoints: readonly Endpoint[] }>()
  readonly #unknown = new Set<string>()
  #resolver = new Resolver({ services: [], hosts: {} })
  #searches: Readonly<Record<string, readonly string[]>> = {}

  /** Reports are for the run. `folder` is the run's. */
  constructor(folder: string, report: (report: Report) => void) {
    this.#folder = folder
    this.#report = report
  }

  /** Serves names, the proxy, and the door into this network. Resolves once they listen. */
  async start(): Promise<void> {
    const resolve = (name: string, type: string, client: string): Resolution =>
      this.#resolve(name, type, client)
    await serveDns({ host: DNS_ADDRESS, resolve })
    const proxy = createProxy((endpoint, client, timeoutMs) => this.#connect(endpoint, client, timeoutMs))
    await new Promise<void>((listening, failed) => {
      proxy.once('error', failed).listen({ ...PROXY }, listening)
    })
    const door = createProxy((endpoint, client, timeoutMs) => this.#connect(endpoint, client, timeoutMs))
    await listenAtPath(door, join(this.#folder, DOORS.in))
  }

  /** Does what an order says. Failures are reported. */
  async take(order: Order): Promise<void> {
    switch (order.type) {
      case 'pod':
        return this.#answer(order.id, run(podScript(this.#folder, order.index)))
      case 'no-pod':
        setTimeout(() => void run(removeScript(this.#folder, order.index)).catch(() => undefined), LINGER_MS)
        return
      case 'listen':
        return this.#answer(order.id, this.#listen(order))
      case 'close':
        this.#listeners.get(order.listener)?.forwarder?.close()
        this.#listeners.delete(order.listener)
        return
      case 'endpoints': {
        const listener = this.#listeners.get(order.listener)
        if (listener !== undefined) listener.endpoints = order.endpoints
        return
      }
      case 'zone':
        this.#resolver = new Resolver(order.zone)
        this.#searches = order.searches
        return
      default:
    }
  }

  async #answer(id: number, work: Promise<void>): Promise<void> {
    try {
      await work
      this.#report({ type: 'done', id })
    } catch (error) {
      this.#report({ type: 'failed', id, message: (error as Error).message })
    }
  }

  async #listen({ id, host, port, owner }: Extract<Order, { type: 'listen' }>): Promise<void> {
    const listener: { forwarder?: Forwarder; endpoints: readonly Endpoint[] } = { endpoints: [] }
    this.#listeners.set(id, listener)
    const forwarder = await Forwarder.open({
      host,
      port,
      owner,
      endpoints: () => listener.endpoints,
      source: callAddress,
      dial: (endpoint, timeoutMs, from) => this.#dial(endpoint, timeoutMs, from),
    })
    listener.forwarder = forwarder
    // It was closed before it listened.
    if (this.#listeners.get(id) !== listener) forwarder.close()
  }

  #dial(endpoint: Endpoint, timeoutMs: number, from?: string): Promise<Socket> {
    if (isInside(endpoint.host)) return dialTcp(endpoint, timeoutMs, from)
    return dialThrough(join(this.#folder, DOORS.out))(endpoint, timeoutMs)
  }

  /** Connects for a client of the proxy, by a name that it might have looked up. */
  #connect({ host, port }: Endpoint, client: string | undefined, timeoutMs: number): Promise<Socket> {
    const search = this.#searches[callerOf(client ?? '')] ?? []
    const names = host.includes('.') ? [host, ...searched(host, search)] : [...searched(host, search), host]
    for (const name of names) {
      const address = this.#resolver.addressOf(name)
      if (address !== undefined) return this.#dial({ host: address, port }, timeoutMs, callAddress(client))
    }
    if (isInside(host)) return dialTcp({ host, port }, timeoutMs, callAddress(client))
    // Loopback would be that of the machine, and not that of the pod which asks. The door refuses it.
    return dialThrough(join(this.#folder, DOORS.proxied))({ host, port }, timeoutMs)
  }

  #resolve(name: string, type: string, client: string): Resolution {
    const resolution = this.#resolver.resolve(name, type)
    if (resolution.rcode === 'NXDOMAIN' && type === 'A') this.#reportUnknown(name.toLowerCase(), client)
    return resolution
  }

  #reportUnknown(name: string, client: string): void {
    const isExpected =
      !name.includes('.') || name.endsWith('.arpa') || `.${name}`.endsWith(`.${CLUSTER_DOMAIN}`)
    const key = `${client} ${name}`
    if (isExpected || this.#unknown.has(key) || this.#unknown.size >= MAX_UNKNOWN_NAMES) return
    this.#unknown.add(key)
    this.#report({ type: 'unknown-name', name, client })
  }
}

const searched = (host: string, search: readonly string[]): string[] =>
  search.map((domain) => `${host}.${domain}`)

/** Runs a shell script. Rejects with what it wrote to standard error if it fails. */
function run(script: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-ec', script], { stdio: ['ignore', 'ignore', 'pipe'] })
    let text = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text = (text + chunk).slice(-2_000)))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(text.trim() === '' ? `a script exited with code ${code}` : text.trim()))
    })
  })
}
