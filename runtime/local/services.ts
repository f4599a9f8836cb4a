import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Addresses } from './addresses.ts'
import { type Backend, backendsOf, dialable } from './endpoints.ts'
import type { LocalError } from './errors.ts'
import { Forwarder } from './forwarder.ts'
import type { NamedService } from './hosts.ts'
import type { Service, ServicePort } from './kubernetes.ts'
import type { VisibleService } from './variables.ts'

export interface ServicesOptions {
  readonly addresses: Addresses
  /** Called once a Service can be reached, or by another port or address than before. */
  readonly onChange: () => void
  /** Something that a person should know of a Service. */
  readonly onTrouble: (service: Service, field: string, message: string) => void
}

interface Entry {
  service: Service
  readonly ip: string | undefined
  readonly forwarders: Map<number, Promise<Forwarder | undefined>>
  readonly actual: Map<number, number>
  external: string | undefined
}

/** A TCP port of 127.0.0.1 that stands for a port of a Service. */
export interface Publication {
  readonly namespace: string
  readonly service: string
  readonly servicePort: number
  readonly port: number
  /** Who asks for it, for people: `--port`. */
  readonly owner: string
}

/** The Services: an address each, a forwarder for each of their ports, and names. */
export class Services {
  readonly #options: ServicesOptions
  readonly #entries = new Map<string, Entry>()
  readonly #published: Forwarder[] = []
  #pods: readonly Backend[] = []

  constructor(options: ServicesOptions) {
    this.#options = options
  }

  /** Takes on what is wanted, and where the pods are now. */
  reconcile(services: readonly Service[], pods: readonly Backend[]): void {
    this.#pods = pods
    const wanted = new Map(services.map((service) => [keyOf(service), service]))
    for (const [key, entry] of this.#entries) {
      const service = wanted.get(key)
      if (service === undefined || hasAddress(service) !== (entry.ip !== undefined)) this.#drop(key, entry)
    }
    for (const [key, service] of wanted) {
      const before = this.#entries.get(key)
      const entry = before ?? this.#enter(key, service)
      if (before === undefined || before.service !== service) this.#update(entry, service)
    }
  }

  /** Resolves once every Service that is there listens. */
  async settled(): Promise<void> {
    await Promise.all(this.#opened())
  }

  /** A Service's address: its own, or `None`; undefined where it has neither. */
  clusterIp(service: Service): string | undefined {
    return this.#entries.get(keyOf(service))?.ip
  }

  /** The Services of a namespace as its pods' variables tell them. */
  visible(namespace: string): VisibleService[] {
    return [...this.#entries.values()].flatMap(({ service, ip, actual }) => {
      const { name, namespace: own } = service.metadata
      if (own !== namespace || ip === undefined) return []
      const ports = tcpPorts(service).map((port) => {
        const number = actual.get(port.port) ?? port.port
        return port.name === undefined ? { port: number } : { name: port.name, port: number }
      })
      return [{ name, ip, ports }]
    })
  }

  /** Every Service's name with its addresses. */
  named(): NamedService[] {
    return [...this.#entries.values()].map(({ service, ip, external }) => {
      const { name, namespace = '' } = service.metadata
      if (ip !== undefined) return { name, namespace, addresses: [ip] }
      if (service.spec.type === 'ExternalName') {
        return { name, namespace, addresses: this.#externalAddresses(service, external) }
      }
      const unready = service.spec.publishNotReadyAddresses === true
      const backends = backendsOf(service, this.#pods).filter((pod) => pod.ready || unready)
      return { name, namespace, addresses: backends.map((pod) => pod.ip) }
    })
  }

  /** Lets a port of 127.0.0.1 stand for a Service port, whether the Service is there yet or not. */
  async publish({ namespace, service, servicePort, port, owner }: Publication): Promise<number> {
    const endpoints = (): { host: string; port: number }[] => {
      const found = this.#entries.get(`${namespace}/${service}`)?.service
      const wanted = found?.spec.ports?.find((candidate) => candidate.port === servicePort)
      return found === undefined || wanted === undefined ? [] : dialable(found, wanted, this.#pods)
    }
    const forwarder = await Forwarder.open({ host: '127.0.0.1', port, owner, endpoints })
    this.#published.push(forwarder)
    return forwarder.port
  }

  async close(): Promise<void> {
    for (const forwarder of this.#published) forwarder.close()
    for (const forwarder of await Promise.all(this.#opened())) forwarder?.close()
    this.#entries.clear()
  }

  #opened(): Promise<Forwarder | undefined>[] {
    const opened: Promise<Forwarder | undefined>[] = []
    for (const { forwarders } of this.#entries.values()) opened.push(...forwarders.values())
    return opened
  }

  #externalAddresses(service: Service, resolved: string | undefined): string[] {
    const [, name, namespace] =
      /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?\.?$/.exec(service.spec.externalName ?? '') ?? []
    const inside = this.#entries.get(`${namespace}/${name}`)?.ip
    const address = inside ?? resolved
    return address === undefined ? [] : [address]
  }

  #enter(key: string, service: Service): Entry {
    const ip = hasAddress(service) ? this.#options.addresses.take('service') : undefined
    const entry: Entry = { service, ip, forwarders: new Map(), actual: new Map(), external: undefined }
    this.#entries.set(key, entry)
    return entry
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key)
    for (const port of entry.forwarders.keys()) closePort(entry, port)
    if (entry.ip !== undefined) this.#options.addresses.release(entry.ip)
  }

  #update(entry: Entry, service: Service): void {
    entry.service = service
    const wanted = new Set(tcpPorts(service).map(({ port }) => port))
    for (const port of entry.forwarders.keys()) if (!wanted.has(port)) closePort(entry, port)
    if (service.spec.type === 'ExternalName') void this.#resolve(entry, service)
    if (entry.ip === undefined) return
    for (const port of wanted) {
      if (!entry.forwarders.has(port)) entry.forwarders.set(port, this.#open(entry, entry.ip, port))
    }
  }

  async #open(entry: Entry, host: string, port: number): Promise<Forwarder | undefined> {
    const { name, namespace } = entry.service.metadata
    const endpoints = (): { host: string; port: number }[] => {
      const wanted = tcpPorts(entry.service).find((candidate) => candidate.port === port)
      return wanted === undefined ? [] : dialable(entry.service, wanted, this.#pods)
    }
    try {
      const forwarder = await Forwarder.open({ host, port, owner: `Service ${namespace}/${name}`, endpoints })
      if (forwarder.port !== port) this.#tellMoved(entry, port, forwarder.port)
      return forwarder
    } catch (error) {
      const { message } = error as LocalError
      const remedy = 'an app that listens on all addresses may have it: let it listen at $(POD_IP) alone'
      this.#options.onTrouble(entry.service, 'spec.ports', `spec.ports: ${message}; ${remedy}`)
      return undefined
    }
  }

  #tellMoved(entry: Entry, port: number, actual: number): void {
    entry.actual.set(port, actual)
    const message =
      `spec.ports: port ${port} needs a privilege that is not there: it is ${actual} in this run, ` +
      `as the pods' variables say`
    this.#options.onTrouble(entry.service, 'spec.ports', message)
    this.#options.onChange()
  }

  async #resolve(entry: Entry, service: Service): Promise<void> {
    const name = service.spec.externalName ?? ''
    if (name === '' || /\.svc(?:\.cluster\.local)?\.?$/.test(name)) return
    try {
      entry.external = isIP(name) === 0 ? (await lookup(name)).address : name
      this.#options.onChange()
    } catch {
      const message = `spec.externalName: ${name} has no address`
      this.#options.onTrouble(service, 'spec.externalName', message)
    }
  }
}

const keyOf = (service: Service): string => `${service.metadata.namespace}/${service.metadata.name}`

const hasAddress = (service: Service): boolean =>
  service.spec.type !== 'ExternalName' && service.spec.clusterIP !== 'None'

const tcpPorts = (service: Service): ServicePort[] =>
  (service.spec.ports ?? []).filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')

function closePort(entry: Entry, port: number): void {
  void entry.forwarders.get(port)?.then((forwarder) => forwarder?.close())
  entry.forwarders.delete(port)
  entry.actual.delete(port)
}
