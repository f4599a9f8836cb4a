import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { VARIABLES } from '@branchline/wire/env'
import { LocalError } from '../../errors.ts'
import { dialTcp } from '../dial.ts'
import { Forwarder, type Forwarding } from '../forwarder.ts'
import { type Listeners, listenersAt } from '../listeners.ts'
import { hostsText, rewriteFile } from '../names.ts'
import type {
  Network,
  PodCommand,
  OutsideHost,
  PodNames,
  PodNetwork,
  PodPlace,
  ServicePortOptions,
} from '../network.ts'
import { canMount, sandboxed, type SandboxStrategy } from '../../pods/sandbox.ts'
import { Addresses } from './addresses.ts'

/** All pods share the network of this machine. Each has an address of 127.0.0.0/8, and so has each Service. */
export class LoopbackNetwork implements Network {
  readonly method = 'loopback'
  readonly hidesCallers = true
  readonly dial = dialTcp
  readonly portInUse =
    'it may listen on all addresses, where other pods and Services have that port: let it listen only on its own ' +
    'address, which the variables HOST and POD_IP contain'
  readonly #addresses: Addresses
  readonly #strategy: SandboxStrategy

  /** Reserves addresses that no other run uses. The strategy decides whether pods get hosts files. */
  static async open(strategy: SandboxStrategy): Promise<LoopbackNetwork> {
    return new LoopbackNetwork(await Addresses.open(), strategy)
  }

  private constructor(addresses: Addresses, strategy: SandboxStrategy) {
    this.#addresses = addresses
    this.#strategy = strategy
  }

  get canMount(): boolean {
    return canMount(this.#strategy)
  }

  get hasNames(): boolean {
    return this.#strategy !== 'none'
  }

  attach(pod: PodPlace): PodNetwork {
    const ip = this.#addresses.take('pod')
    return new LoopbackPod(pod, ip, this.#strategy, () => this.#addresses.release(ip))
  }

  takeServiceAddress(): string {
    return this.#addresses.take('service')
  }

  releaseServiceAddress(address: string): void {
    this.#addresses.release(address)
  }

  forward(options: ServicePortOptions): Promise<Forwarding> {
    return Forwarder.open(options)
  }

  publish(options: ServicePortOptions): Promise<Forwarding> {
    return Forwarder.open(options)
  }

  /** The host's own address: pods reach it directly. */
  async openOutside({ host }: OutsideHost): Promise<{ address: string; close(): void }> {
    try {
      const address = isIP(host) === 0 ? (await lookup(host)).address : host
      return { address, close: () => undefined }
    } catch (cause) {
      throw new LocalError('BL_LOCAL_NO_ADDRESS', `${host} has no address`, { cause })
    }
  }

  refresh(): void {
    // Forwarders ask for their endpoints at each connection, and names are in the pods' hosts files.
  }

  listeners(port: number): Listeners {
    return listenersAt(port)
  }

  close(): Promise<void> {
    this.#addresses.close()
    return Promise.resolve()
  }
}

class LoopbackPod implements PodNetwork {
  readonly ip: string
  readonly addresses: readonly string[]
  readonly ready = Promise.resolve()
  readonly detach: () => void
  readonly #name: string
  readonly #hostsFile: string
  readonly #strategy: SandboxStrategy
  #text = ''

  constructor({ name, folder }: PodPlace, ip: string, strategy: SandboxStrategy, release: () => void) {
    this.ip = ip
    this.addresses = [ip]
    this.#name = name
    this.#hostsFile = join(folder, 'hosts')
    this.#strategy = strategy
    this.detach = release
  }

  command(command: PodCommand): string[] {
    return sandboxed(this.#strategy, { ...command, files: { '/etc/hosts': this.#hostsFile } })
  }

  variables(): Record<string, string> {
    // A pod has one address for all of its containers. At 127.0.0.1 and ::1 another pod may listen, or any process of
    // the machine, so the sidecar must look for the app only at the pod's address.
    return { POD_IP: this.ip, HOST: this.ip, [VARIABLES.appHost]: this.ip }
  }

  setNames(names: PodNames): void {
    const text = hostsText({ podName: this.#name, podIp: this.ip, ...names })
    if (text === this.#text) return
    this.#text = text
    rewriteFile(this.#hostsFile, text)
  }

  async closedReason(port: number, _pid: number | undefined, timeoutMs: number): Promise<string | undefined> {
    try {
      const socket = await dialTcp({ host: this.ip, port }, timeoutMs)
      socket.destroy()
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
}
