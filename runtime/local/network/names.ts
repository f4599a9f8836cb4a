import { truncateSync, writeFileSync } from 'node:fs'

/** The domain of the names of Services: `name.namespace.svc.cluster.local`. */
export const CLUSTER_DOMAIN = 'cluster.local'

/** A port by its name, which may be empty. */
export interface NamedPort {
  readonly name: string
  readonly port: number
}

/** A Service's name and its addresses: its own, or those of its pods if it is headless. */
export interface NamedService {
  readonly namespace: string
  readonly name: string
  readonly addresses: readonly string[]
  /** Its TCP ports. Absent if it is headless. */
  readonly ports?: readonly NamedPort[]
  /** The pods of a headless Service, by their host names. */
  readonly pods?: readonly {
    readonly hostname: string
    readonly ip: string
    readonly ports: readonly NamedPort[]
  }[]
  /** The name for which it stands (Kubernetes: ExternalName). */
  readonly externalName?: string
}

export interface HostsOptions {
  readonly podName: string
  readonly podIp: string
  /** Namespaces whose Services have short names: the pod's own first, then those of the chain of bases. */
  readonly search: readonly string[]
  readonly services: readonly NamedService[]
  readonly aliases?: readonly { readonly ip: string; readonly hostnames: readonly string[] }[]
}

/**
 * The text of a pod's hosts file (hosts(5)): every Service as `name.namespace`, `….svc` and `….svc.cluster.local`, and
 * by its short name if no nearer namespace has a Service of that name.
 */
export function hostsText(options: HostsOptions): string {
  const { podName, podIp, search, services, aliases } = options
  const lines = [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    `${podIp} ${podName}`,
    ...(aliases ?? []).map(({ ip, hostnames }) => `${ip} ${hostnames.join(' ')}`),
  ]
  const shortNames = new Map<string, NamedService>()
  for (const namespace of search.toReversed()) {
    for (const service of services) {
      if (service.namespace === namespace && service.addresses.length > 0)
        shortNames.set(service.name, service)
    }
  }
  for (const { name, namespace, addresses } of services) {
    const full = `${name}.${namespace}`
    for (const address of addresses) {
      lines.push(`${address} ${full} ${full}.svc ${full}.svc.${CLUSTER_DOMAIN}`)
    }
  }
  for (const [name, { addresses }] of shortNames) {
    for (const address of addresses) lines.push(`${address} ${name}`)
  }
  return `${lines.join('\n')}\n`
}

/** Rewrites a file in place, because a bind mount shows the inode and not a new file with the same name. */
export function rewriteFile(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'r+' })
    truncateSync(path, Buffer.byteLength(text))
  } catch {
    writeFileSync(path, text)
  }
}

/**
 * The search domains of a pod: those of its namespace like on Kubernetes, then those of further namespaces. The first of
 * the namespaces is the pod's own.
 */
export function searchDomains(namespace: string, search: readonly string[]): string[] {
  const services = `svc.${CLUSTER_DOMAIN}`
  const further = search.filter((name) => name !== namespace).map((name) => `${name}.${services}`)
  return [`${namespace}.${services}`, services, CLUSTER_DOMAIN, ...further]
}

/** The namespace of a search domain such as `shop.svc.cluster.local`. Undefined for others. */
export function searchNamespace(domain: string): string | undefined {
  return /^([a-z0-9-]+)\.svc(?:\.cluster\.local)?\.?$/.exec(domain)?.[1]
}

/** The part of an Environment that name resolution needs. */
export interface NamedEnvironment {
  readonly name: string
  readonly namespace: string
  readonly base?: string
}

/** The namespaces of the environments above one, nearest first. A cycle ends where it closes. */
export function namespacesAbove(namespace: string, environments: readonly NamedEnvironment[]): string[] {
  const above: string[] = []
  let at = environments.find((environment) => environment.namespace === namespace)
  while (at?.base !== undefined) {
    const base: string = at.base
    at = environments.find(({ name }) => name === base)
    if (at === undefined || at.namespace === namespace || above.includes(at.namespace)) break
    above.push(at.namespace)
  }
  return above
}

/**
 * Replaces full names of Services in a text (`api.shop.svc`, `api.shop.svc.cluster.local`) by their addresses. Used for
 * variables if pods have no hosts files.
 */
export function withAddresses(text: string, services: readonly NamedService[]): string {
  return text.replace(FULL_NAME, (whole, name: string, namespace: string) => {
    const service = services.find((it) => it.name === name && it.namespace === namespace)
    return service?.addresses[0] ?? whole
  })
}

const FULL_NAME = /(?<![\w.-])([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?(?![\w.-])/g
