import { once } from 'node:events'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { LocalError } from '../../errors.ts'
import { type Dial, dialTcp, type Endpoint } from '../dial.ts'
import { Forwarder, type Forwarding } from '../forwarder.ts'
import type { Listeners } from '../listeners.ts'
import { LoopbackNetwork } from '../loopback/loopback.ts'
import type { NamedService } from '../names.ts'
import { dialOutside } from '../outside.ts'
import type { Network, OutsideHost, PodNetwork, PodPlace, ServicePortOptions } from '../network.ts'
import { canMount, sandboxed } from '../../pods/sandbox.ts'
import { isInside, podAddress, Pool, serviceAddress } from './addresses.ts'
import { createDoor, dialThrough, listenAtPath } from './door.ts'
import { DOORS, type Order, type Report } from './messages.ts'
import { NamespacePod } from './pod.ts'
import { enterCommand, type StartedNode, startNode } from './start.ts'

/** The name by which pods call this machine itself. */
const MACHINE = 'host.docker.internal'
const MACHINE_ADDRESS = '127.0.0.1'
/** How many of the last lines of a process that ended are quoted. */
const MAX_LAST_LINES = 4

export interface NamespacesOptions {
  /** The run's folder. */
  readonly folder: string
  /** The variables that mark the processes of the run. */
  readonly env: Readonly<Record<string, string>>
  /** Hosts that pods may call by name. */
  readonly egress: readonly OutsideHost[]
  /** Called with the process group of the node, which ends with the run. */
  readonly onProcess: (pid: number) => void
  /** Called if a pod's processes asked for a name that leads nowhere. */
  readonly onUnknownName: (ip: string, name: string) => void
  /** Called if the node ended by itself. */
  readonly onLost: (message: string) => void
}

interface Listener {
  readonly options: ServicePortOptions
  sent: readonly Endpoint[]
}

/**
 * Each pod has a network namespace of its own, with a cable to the bridge of a node. The node is a process inside
 * (`node.ts`). Pods with hostNetwork, such as the relay, stay outside, on loopback.
 */
export class NamespacesNetwork implements Network {
  readonly method = 'namespaces'
  readonly hasNames = true
  readonly hidesCallers = false
  readonly portInUse = 'another process of its pod listens there: give one of them another port'
  readonly #options: NamespacesOptions
  readonly #node: StartedNode
  readonly #outside: LoopbackNetwork
  readonly #dialIn: Dial
  readonly #pods = new Pool('pod')
  readonly #services = new Pool('service')
  readonly #listeners = new Map<number, Listener>()
  readonly #pending = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  readonly #hosts = new Map<string, string>()
  /** The search domains of pods, by address. */
  readonly #searches = new Map<string, readonly string[]>()
  readonly #started: Promise<void>
  readonly #out = createDoor((endpoint, _client, timeoutMs) => dialTcp(atMachine(endpoint), timeoutMs))
  readonly #proxied = createDoor((endpoint, _client, timeoutMs) => dialProxied(endpoint, timeoutMs))
  #sentZone: unknown
  #named: readonly NamedService[] = []
  #id = 0
  #closing = false

  /** Starts the node. Rejects with the reason if this system does not allow it. */
  static async open(options: NamespacesOptions): Promise<NamespacesNetwork> {
    const node = await startNode(options.folder, options.env)
    const outside = await LoopbackNetwork.open(node.strategy)
    const network = new NamespacesNetwork(options, node, outside)
    await listenAtPath(network.#out, join(options.folder, DOORS.out))
    await listenAtPath(network.#proxied, join(options.folder, DOORS.proxied))
    for (const host of options.egress) await network.openOutside(host)
    return network
  }

  private constructor(options: NamespacesOptions, node: StartedNode, outside: LoopbackNetwork) {
    this.#options = options
    this.#node = node
    this.#outside = outside
    this.#dialIn = dialThrough(join(options.folder, DOORS.in))
    if (node.child.pid !== undefined) options.onProcess(node.child.pid)
    node.child.on('message', (report: Report) => this.#take(report))
    // At `close`, all that it wrote has arrived.
    node.child.once('close', (code, signal) => this.#lost(describeEnd(signal ?? code, node.lastWords())))
    node.child.on('error', () => undefined)
    // The node reports its own start with number 0.
    this.#started = new Promise((resolve, reject) => this.#pending.set(0, { resolve, reject }))
    this.#started.catch(() => undefined)
  }

  get canMount(): boolean {
    return canMount(this.#node.strategy)
  }

  readonly dial: Dial = async (endpoint, timeoutMs) => {
    if (!isInside(endpoint.host)) return dialTcp(endpoint, timeoutMs)
    await this.#started
    return this.#dialIn(endpoint, timeoutMs)
  }

  attach(place: PodPlace): PodNetwork {
    if (place.isOutside) return this.#outside.attach(place)
    const index = this.#pods.take()
    if (index === undefined) throw new LocalError('BL_LOCAL_NO_ADDRESS', 'too many pods: no address is free')
    const ip = podAddress(index)
    const ready = this.#order((id) => ({ type: 'pod', id, index }))
    // A pod may end before anybody waits for it.
    ready.catch(() => undefined)
    const { strategy } = this.#node
    const enter = enterCommand(this.#node, this.#options.folder, index)
    return new NamespacePod(place, ip, ready, {
      command: (command, files) => sandboxed(strategy, { ...command, files, enter }),
      dial: this.dial,
      serviceNames: () => this.#named.map(({ name }) => name),
      onSearch: (domains) => this.#searches.set(ip, domains),
      onDetach: () => {
        this.#searches.delete(ip)
        this.#send({ type: 'no-pod', index })
        this.#pods.release(index)
      },
    })
  }

  takeServiceAddress(): string {
    const index = this.#services.take()
    if (index === undefined)
      throw new LocalError('BL_LOCAL_NO_ADDRESS', 'too many Services: no address is free')
    return serviceAddress(index)
  }

  releaseServiceAddress(address: string): void {
    const [, , high, low] = address.split('.').map(Number)
    this.#services.release(((high ?? 0) << 8) | (low ?? 0))
  }

  async forward(options: ServicePortOptions): Promise<Forwarding> {
    const { host, port, owner } = options
    let listener = 0
    const opened = this.#order((id) => {
      listener = id
      return { type: 'listen', id, host, port, owner }
    })
    this.#listeners.set(listener, { options, sent: [] })
    const close = (): void => {
      this.#listeners.delete(listener)
      this.#send({ type: 'close', listener })
    }
    try {
      await opened
    } catch (error) {
      close()
      throw new LocalError('BL_LOCAL_PORT_TAKEN', (error as Error).message)
    }
    this.#sendEndpoints()
    return { port, close }
  }

  publish(options: ServicePortOptions): Promise<Forwarding> {
    return Forwarder.open({ ...options, dial: this.dial })
  }

  async openOutside({ host, ports }: OutsideHost): Promise<{ address: string; close(): void }> {
    const address = this.takeServiceAddress()
    const opened = await Promise.all(
      ports.map((port) =>
        this.forward({ host: address, port, owner: `host ${host}`, endpoints: () => [{ host, port }] }),
      ),
    )
    this.#hosts.set(host, address)
    this.#sendZone()
    return {
      address,
      close: () => {
        if (this.#hosts.get(host) === address) this.#hosts.delete(host)
        for (const forwarding of opened) forwarding.close()
        this.releaseServiceAddress(address)
        this.#sendZone()
      },
    }
  }

  refresh(services: readonly NamedService[]): void {
    this.#named = services
    this.#sendEndpoints()
    this.#sendZone()
  }

  /** No two pods share a port. */
  listeners(): Listeners {
    return { wildcard: false, localhost: false }
  }

  async close(): Promise<void> {
    this.#closing = true
    const { child } = this.#node
    const isRunning = child.exitCode === null && child.signalCode === null
    const ended = isRunning ? once(child, 'exit') : undefined
    child.kill('SIGKILL')
    await ended
    for (const door of [this.#out, this.#proxied]) {
      door.closeAllConnections()
      door.close()
    }
    await this.#outside.close()
  }

  #sendEndpoints(): void {
    for (const [listener, { options, sent }] of this.#listeners) {
      const endpoints = options.endpoints()
      if (isDeepStrictEqual(endpoints, sent)) continue
      this.#listeners.set(listener, { options, sent: endpoints })
      this.#send({ type: 'endpoints', listener, endpoints })
    }
  }

  #sendZone(): void {
    const zone = { services: this.#named, hosts: Object.fromEntries(this.#hosts) }
    const order = { type: 'zone', zone, searches: Object.fromEntries(this.#searches) } as const
    if (isDeepStrictEqual(order, this.#sentZone)) return
    this.#sentZone = order
    this.#send(order)
  }

  #order(make: (id: number) => Order): Promise<void> {
    const id = ++this.#id
    const done = new Promise<void>((resolve, reject) => this.#pending.set(id, { resolve, reject }))
    this.#send(make(id))
    return done
  }

  #send(order: Order): void {
    if (this.#node.child.connected) this.#node.child.send(order, () => undefined)
  }

  #take(report: Report): void {
    if (report.type === 'unknown-name') {
      this.#options.onUnknownName(report.client, report.name)
      return
    }
    const pending = this.#pending.get(report.id)
    this.#pending.delete(report.id)
    if (report.type === 'done') pending?.resolve()
    else pending?.reject(new Error(report.message))
  }

  #lost(message: string): void {
    for (const { reject } of this.#pending.values()) reject(new Error(message))
    this.#pending.clear()
    if (!this.#closing) this.#options.onLost(message)
  }
}

const atMachine = ({ host, port }: Endpoint): Endpoint => ({
  host: host === MACHINE ? MACHINE_ADDRESS : host,
  port,
})

/** The declared name of this machine leads to it. Otherwise, the machine's own addresses are not outside. */
const dialProxied: Dial = (endpoint, timeoutMs) =>
  endpoint.host === MACHINE ? dialTcp(atMachine(endpoint), timeoutMs) : dialOutside(endpoint, timeoutMs)

/** One line: how the process ended, and the last lines that it wrote. */
function describeEnd(how: string | number | null, wrote: string): string {
  const lines = wrote.split('\n').filter((line) => !/^\s*(?:at |Node\.js v|$)/.test(line))
  const said = lines
    .slice(-MAX_LAST_LINES)
    .map((line) => line.trim())
    .join(' | ')
  return `the process of the network ended (${how})${said === '' ? '' : `: ${said}`}`
}
