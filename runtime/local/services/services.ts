import { type Backend, backendsOf, dialable, targetPortOf } from './endpoints.ts'
import { Front, type FrontOptions } from './front.ts'
import type { Endpoint } from '../network/dial.ts'
import type { Forwarding } from '../network/forwarder.ts'
import type { NamedPort, NamedService } from '../network/names.ts'
import type { Network } from '../network/network.ts'
import type { Service, ServicePort } from '../kubernetes.ts'
import type { VisibleService } from '../pods/variables.ts'

export interface ServicesOptions {
  readonly network: Network
  /** Called when a Service becomes reachable, or its port or address changes. */
  readonly onChange: () => void
  /** Called with what users should know about a Service. */
  readonly onTrouble: (service: Service, field: string, message: string) => void
}

interface Entry {
  service: Service
  readonly front: Front | undefined
  /** Addresses for specific calling namespaces. */
  readonly aliases: Map<string, Front>
  external: Outside | undefined
}

/** The address of an ExternalName outside. */
type Outside = Awaited<ReturnType<Network['openOutside']>>

/** The calling namespaces that Services must distinguish, each with the namespaces whose Services have aliases for it. */
export type Callers = ReadonlyMap<string, readonly string[]>

/** A TCP port of 127.0.0.1 that is forwarded to a port of a Service. */
export interface Publication {
  readonly namespace: string
  readonly service: string
  readonly servicePort: number
  readonly port: number
  /** The user of the port, for messages: `--port`. */
  readonly owner: string
  /** What to do if the port is not available. Default: end the other process, or choose another port. */
  readonly remedy?: string
}

/** The Services: each has an address, a forwarder for each port, and names. */
export class Services {
  readonly #options: ServicesOptions
  readonly #entries = new Map<string, Entry>()
  readonly #published: Forwarding[] = []
  #pods: readonly Backend[] = []
  #callers: Callers = new Map()

  constructor(options: ServicesOptions) {
    this.#options = options
  }

  /** Applies the wanted Services, the current pods, and the callers to distinguish. */
  reconcile(services: readonly Service[], pods: readonly Backend[], callers: Callers = new Map()): void {
    this.#pods = pods
    this.#callers = callers
    const wanted = new Map(services.map((service) => [keyOf(service), service]))
    for (const [key, entry] of this.#entries) {
      const service = wanted.get(key)
      if (service === undefined || hasAddress(service) !== (entry.front !== undefined)) this.#drop(key, entry)
    }
    for (const [key, service] of wanted) {
      const before = this.#entries.get(key)
      const entry = before ?? this.#enter(key, service)
      if (before === undefined || before.service !== service) this.#update(entry, service)
      this.#updateAliases(entry)
    }
  }

  /** Resolves once every Service listens. */
  async settled(): Promise<void> {
    await Promise.all([...this.#entries.values()].flatMap(frontsOf).map((front) => front.settled()))
  }

  /** The Services of a namespace for the variables of a caller's pods. */
  visible(namespace: string, caller: string): VisibleService[] {
    return [...this.#entries.values()].flatMap(({ service, front, aliases }) => {
      const { name, namespace: own } = service.metadata
      if (own !== namespace || front === undefined) return []
      const ports = tcpPorts(service).map((port) => {
        const number = front.actual(port.port)
        return port.name === undefined ? { port: number } : { name: port.name, port: number }
      })
      return [{ name, ip: (aliases.get(caller) ?? front).ip, ports }]
    })
  }

  /** Every Service's name with its addresses, for the pods of a namespace. */
  named(caller: string): NamedService[] {
    return [...this.#entries.values()].map(({ service, front, aliases, external }) => {
      const { name, namespace = '' } = service.metadata
      if (front !== undefined) {
        const ports = tcpPorts(service).map(namedPort)
        return { name, namespace, addresses: [(aliases.get(caller) ?? front).ip], ports }
      }
      if (service.spec.type === 'ExternalName') {
        const addresses = this.#externalAddresses(service, external?.address, caller)
        return { name, namespace, addresses, externalName: service.spec.externalName ?? '' }
      }
      const unready = service.spec.publishNotReadyAddresses === true
      const backends = backendsOf(service, this.#pods).filter((pod) => pod.ready || unready)
      const pods = backends.map((pod) => ({ hostname: pod.name, ip: pod.ip, ports: portsIn(service, pod) }))
      return { name, namespace, addresses: backends.map((pod) => pod.ip), pods }
    })
  }

  /** Forwards a port of 127.0.0.1 to a Service port, even if the Service does not exist yet. */
  async publish({
    namespace,
    service,
    servicePort,
    port,
    owner,
    remedy = ANOTHER,
  }: Publication): Promise<number> {
    const endpoints = (): { host: string; port: number }[] => {
      const found = this.#entries.get(`${namespace}/${service}`)?.service
      const wanted = found?.spec.ports?.find((candidate) => candidate.port === servicePort)
      return found === undefined || wanted === undefined ? [] : dialable(found, wanted, this.#pods)
    }
    const host = '127.0.0.1'
    const forwarder = await this.#options.network.publish({ host, port, owner, endpoints, remedy })
    this.#published.push(forwarder)
    return forwarder.port
  }

  async close(): Promise<void> {
    for (const forwarder of this.#published) forwarder.close()
    await Promise.all([...this.#entries.values()].flatMap(frontsOf).map((front) => front.close()))
    for (const { external } of this.#entries.values()) external?.close()
    this.#entries.clear()
  }

  #externalAddresses(service: Service, resolved: string | undefined, caller: string): string[] {
    const [, name, namespace] =
      /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?\.?$/.exec(service.spec.externalName ?? '') ?? []
    const inside = this.#entries.get(`${namespace}/${name}`)
    const address = (inside?.aliases.get(caller) ?? inside?.front)?.ip ?? resolved
    return address === undefined ? [] : [address]
  }

  #enter(key: string, service: Service): Entry {
    const front = hasAddress(service) ? this.#front(key, {}) : undefined
    const entry: Entry = { service, front, aliases: new Map(), external: undefined }
    this.#entries.set(key, entry)
    return entry
  }

  /** An address for the Service of a key, whichever object it currently is. */
  #front(key: string, more: Pick<FrontOptions, 'source' | 'listenAt'>): Front {
    const endpoints = (port: number): Endpoint[] => {
      const service = this.#entries.get(key)?.service
      const wanted = service && tcpPorts(service).find((candidate) => candidate.port === port)
      return service === undefined || wanted === undefined ? [] : dialable(service, wanted, this.#pods)
    }
    const report = (message: string): void => {
      const service = this.#entries.get(key)?.service
      if (service !== undefined) this.#options.onTrouble(service, 'spec.ports', `spec.ports: ${message}`)
    }
    return new Front({
      network: this.#options.network,
      ip: this.#options.network.takeServiceAddress(),
      owner: `Service ${key}`,
      endpoints,
      onError: ({ message }) => report(`${message}; ${LISTEN_ALONE}`),
      onMoved: (port, actual) => {
        // An alias has the same number as the Service's own address, which has already been reported.
        if (more.listenAt !== undefined) return
        report(`port ${port} needs a missing privilege: it is ${actual} in this run, ${BY_VARIABLES}`)
        this.#options.onChange()
      },
      ...more,
    })
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key)
    for (const front of frontsOf(entry)) this.#close(front)
    entry.external?.close()
  }

  #close(front: Front): void {
    void front.close().then(() => this.#options.network.releaseServiceAddress(front.ip))
  }

  #update(entry: Entry, service: Service): void {
    entry.service = service
    if (service.spec.type === 'ExternalName') void this.#resolve(entry, service)
    entry.front?.update(portsOf(service))
  }

  #updateAliases({ service, front, aliases }: Entry): void {
    if (front === undefined) return
    const { namespace = '' } = service.metadata
    for (const [caller, alias] of aliases) {
      if (this.#callers.get(caller)?.includes(namespace) === true) continue
      aliases.delete(caller)
      this.#close(alias)
    }
    for (const [caller, above] of this.#callers) {
      if (!above.includes(namespace)) continue
      const source = (): string | undefined => this.#addressIn(caller)
      const listenAt = (port: number): Promise<number> => front.settledPort(port)
      const alias = aliases.get(caller) ?? this.#front(keyOf(service), { source, listenAt })
      aliases.set(caller, alias)
      alias.update(portsOf(service))
    }
  }

  /** The address of the oldest pod of a namespace, which the manager has known for the longest time. */
  #addressIn(namespace: string): string | undefined {
    return this.#pods.find((pod) => pod.namespace === namespace && !pod.terminating)?.ip
  }

  async #resolve(entry: Entry, service: Service): Promise<void> {
    const name = service.spec.externalName ?? ''
    if (name === '' || /\.svc(?:\.cluster\.local)?\.?$/.test(name)) return
    const ports = portsOf(service).size === 0 ? EXTERNAL_PORTS : [...portsOf(service)]
    try {
      const external = await this.#options.network.openOutside({ host: name, ports })
      // The Service may have changed or gone in the meantime.
      if (this.#entries.get(keyOf(service)) !== entry || entry.service !== service) return external.close()
      entry.external?.close()
      entry.external = external
      this.#options.onChange()
    } catch (error) {
      const message = `spec.externalName: ${(error as Error).message}`
      this.#options.onTrouble(service, 'spec.externalName', message)
    }
  }
}

const keyOf = (service: Service): string => `${service.metadata.namespace}/${service.metadata.name}`

const hasAddress = (service: Service): boolean =>
  service.spec.type !== 'ExternalName' && service.spec.clusterIP !== 'None'

const tcpPorts = (service: Service): ServicePort[] =>
  (service.spec.ports ?? []).filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')

const portsOf = (service: Service): Set<number> => new Set(tcpPorts(service).map(({ port }) => port))

const namedPort = ({ name = '', port }: ServicePort): NamedPort => ({ name, port })

/** The ports of a Service, with their numbers in a pod. */
const portsIn = (service: Service, pod: Backend): NamedPort[] =>
  tcpPorts(service).flatMap((port) => {
    const number = targetPortOf(port, pod)
    return number === undefined ? [] : [{ name: port.name ?? '', port: number }]
  })

/**
 * The ports of an ExternalName that names none: those of HTTP and HTTPS, and of usual databases and queues. On Kubernetes
 * every port would lead there.
 */
const EXTERNAL_PORTS = [80, 443, 1433, 3306, 5432, 5671, 5672, 6379, 9092, 11_211, 27_017]

const frontsOf = ({ front, aliases }: Entry): Front[] => [
  ...(front === undefined ? [] : [front]),
  ...aliases.values(),
]

const ANOTHER = 'end that process, or choose another port'
const LISTEN_ALONE = 'an app that listens on all addresses may use it: let it listen only on $(POD_IP)'
const BY_VARIABLES = "which the pods' variables contain"
