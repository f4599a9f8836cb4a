import type { LocalError } from '../errors.ts'
import type { Endpoint } from '../network/dial.ts'
import type { Forwarding } from '../network/forwarder.ts'
import type { Network } from '../network/network.ts'

export interface FrontOptions {
  readonly network: Pick<Network, 'forward'>
  readonly ip: string
  /** The user of the ports, for messages: `Service shop/web`. */
  readonly owner: string
  /** The current endpoints of a port. */
  readonly endpoints: (port: number) => readonly Endpoint[]
  /** The source address of connections to endpoints. Default: the system's choice. */
  readonly source?: () => string | undefined
  /** The port on which to listen for a Service port. Default: the same port. */
  readonly listenAt?: (port: number) => Promise<number>
  /** Called if a port cannot be opened. */
  readonly onError: (error: LocalError) => void
  /** Called if a port has a different number in this run. */
  readonly onMoved: (port: number, actual: number) => void
}

/** An address that stands for a Service, with a forwarder for each of its ports. */
export class Front {
  readonly ip: string
  readonly #options: FrontOptions
  readonly #forwarders = new Map<number, Promise<Forwarding | undefined>>()
  readonly #actual = new Map<number, number>()

  constructor(options: FrontOptions) {
    this.#options = options
    this.ip = options.ip
  }

  /** Listens on exactly these ports. */
  update(ports: ReadonlySet<number>): void {
    for (const port of this.#forwarders.keys()) if (!ports.has(port)) this.#closePort(port)
    for (const port of ports) {
      if (!this.#forwarders.has(port)) this.#forwarders.set(port, this.#open(port))
    }
  }

  /** The number of a port in this run. */
  actual(port: number): number {
    return this.#actual.get(port) ?? port
  }

  /** Resolves to the number of a port in this run, once it listens. */
  async settledPort(port: number): Promise<number> {
    return (await this.#forwarders.get(port))?.port ?? port
  }

  /** Resolves once every port listens or has failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#forwarders.values())
  }

  /** Stops listening and closes all connections. */
  async close(): Promise<void> {
    const forwarders = [...this.#forwarders.values()]
    this.#forwarders.clear()
    for (const forwarder of await Promise.all(forwarders)) forwarder?.close()
  }

  #closePort(port: number): void {
    void this.#forwarders.get(port)?.then((forwarder) => forwarder?.close())
    this.#forwarders.delete(port)
    this.#actual.delete(port)
  }

  async #open(port: number): Promise<Forwarding | undefined> {
    const { network, ip: host, owner, endpoints, source, listenAt, onError, onMoved } = this.#options
    try {
      const forwarder = await network.forward({
        host,
        port: (await listenAt?.(port)) ?? port,
        owner,
        endpoints: () => endpoints(port),
        ...(source !== undefined && { source }),
      })
      if (forwarder.port !== port) {
        this.#actual.set(port, forwarder.port)
        onMoved(port, forwarder.port)
      }
      return forwarder
    } catch (error) {
      onError(error as LocalError)
      return undefined
    }
  }
}
