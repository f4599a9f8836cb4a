import type { Answer } from 'dns-packet'
import { CLUSTER_DOMAIN, type NamedPort, type NamedService } from '../names.ts'

/** How long a client may keep an answer, in seconds. Short, because an override changes what a name means. */
const TTL_SECONDS = 1
const SERVICES = `svc.${CLUSTER_DOMAIN}`
/** The most names that stand for another in a row. More of them may be a circle. */
const MAX_ALIASES = 8

/** Everything that has a name. */
export interface Zone {
  readonly services: readonly NamedService[]
  /** The addresses of names outside of the cluster. */
  readonly hosts: Readonly<Record<string, string>>
}

/** The answer to a question. */
export interface Resolution {
  readonly rcode: 'NOERROR' | 'NXDOMAIN'
  readonly answers: readonly Answer[]
  /** The addresses of the names in the answers. */
  readonly additionals?: readonly Answer[]
}

const NO_SUCH_NAME: Resolution = { rcode: 'NXDOMAIN', answers: [] }

/**
 * Answers questions for types A, SRV and CNAME like the DNS of Kubernetes (its specification, version 1.1.0). Search
 * domains are the client's. Other types of an existing name have no records.
 */
export class Resolver {
  readonly #services: ReadonlyMap<string, NamedService>
  readonly #hosts: ReadonlyMap<string, string>

  constructor({ services, hosts }: Zone) {
    this.#services = new Map(services.map((service) => [`${service.name}.${service.namespace}`, service]))
    this.#hosts = new Map(Object.entries(hosts).map(([name, address]) => [canonical(name), address]))
  }

  /** Resolves a name, relative to the root. */
  resolve(question: string, type: string): Resolution {
    return this.#resolve(question, type, 0)
  }

  #resolve(question: string, type: string, aliases: number): Resolution {
    const name = canonical(question)
    const outside = this.#hosts.get(name)
    if (outside !== undefined) return found(type === 'A' ? [a(name, outside)] : [])
    // Names on the way to a Service exist (RFC 8020).
    if (name === CLUSTER_DOMAIN || name === SERVICES) return found([])
    if (!name.endsWith(`.${SERVICES}`)) return NO_SUCH_NAME
    const labels = name.slice(0, -SERVICES.length - 1).split('.')
    const service = this.#services.get(labels.slice(-2).join('.'))
    if (service === undefined) return this.#isNamespace(labels) ? found([]) : NO_SUCH_NAME
    if (labels.length === 2) return this.#ofService(name, service, type, aliases)
    if (labels.length === 3) return ofPod(name, service, labels[0] as string, type)
    if (labels.length === 4) return ofPort(name, service, labels[0] as string, type)
    return NO_SUCH_NAME
  }

  /** An address of a name. Undefined if it has none. */
  addressOf(name: string): string | undefined {
    for (const answer of this.resolve(name, 'A').answers) if (answer.type === 'A') return answer.data
    return undefined
  }

  #isNamespace(labels: readonly string[]): boolean {
    return labels.length === 1 && [...this.#services.keys()].some((key) => key.endsWith(`.${labels[0]}`))
  }

  #ofService(name: string, service: NamedService, type: string, aliases: number): Resolution {
    const { externalName, addresses } = service
    if (externalName !== undefined) {
      const target = canonical(externalName)
      const alias: Answer = { type: 'CNAME', name, ttl: TTL_SECONDS, data: target }
      if (type !== 'A') return found([alias])
      // Services that stand for themselves or each other end here.
      const isEnd = target === name || aliases === MAX_ALIASES
      const known = isEnd ? addresses : this.#resolve(target, type, aliases + 1).answers
      const all = known.map((answer) => (typeof answer === 'string' ? a(target, answer) : answer))
      return found([alias, ...(all.length > 0 ? all : addresses.map((address) => a(target, address)))])
    }
    if (type === 'A') return found(addresses.map((address) => a(name, address)))
    return type === 'SRV' ? records(name, targetsOf(service)) : found([])
  }
}

interface Target extends NamedPort {
  readonly target: string
  readonly ip: string
}

/** The ports of a Service, each with the name that has its address. */
function targetsOf({ name, namespace, addresses, ports = [], pods = [] }: NamedService): Target[] {
  const own = `${name}.${namespace}.${SERVICES}`
  const [ip] = addresses
  return [
    ...(ip === undefined ? [] : ports.map((port) => ({ ...port, target: own, ip }))),
    ...pods.flatMap((pod) =>
      pod.ports.map((port) => ({ ...port, target: `${pod.hostname}.${own}`, ip: pod.ip })),
    ),
  ]
}

function ofPod(name: string, service: NamedService, hostname: string, type: string): Resolution {
  const pod = service.pods?.find((candidate) => candidate.hostname === hostname)
  if (pod === undefined) return NO_SUCH_NAME
  return found(type === 'A' ? [a(name, pod.ip)] : [])
}

/** A port's name is `_port._tcp` before that of its Service (RFC 2782). */
function ofPort(name: string, service: NamedService, port: string, type: string): Resolution {
  const targets = targetsOf(service).filter((target) => target.name !== '' && `_${target.name}` === port)
  if (!name.startsWith(`${port}._tcp.`) || targets.length === 0) return NO_SUCH_NAME
  return type === 'SRV' ? records(name, targets) : found([])
}

function records(name: string, targets: readonly Target[]): Resolution {
  const answers = targets.map(({ target, port }): Answer => {
    return { type: 'SRV', name, ttl: TTL_SECONDS, data: { priority: 0, weight: 100, port, target } }
  })
  const addresses = new Map(targets.map(({ target, ip }) => [target, ip]))
  return { rcode: 'NOERROR', answers, additionals: [...addresses].map(([target, ip]) => a(target, ip)) }
}

const a = (name: string, data: string): Answer => ({ type: 'A', name, ttl: TTL_SECONDS, data })

const found = (answers: readonly Answer[]): Resolution => ({ rcode: 'NOERROR', answers })

/** DNS names have no case, and may end with a dot. */
const canonical = (name: string): string => name.toLowerCase().replace(/\.$/, '')
