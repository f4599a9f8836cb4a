import { truncateSync, writeFileSync } from 'node:fs'

const CLUSTER_DOMAIN = 'cluster.local'

/** A Service's name with the addresses that it stands for: its own, or for a headless one its pods'. */
export interface NamedService {
  readonly namespace: string
  readonly name: string
  readonly addresses: readonly string[]
}

export interface HostsOptions {
  readonly podName: string
  readonly podIp: string
  /** Namespaces whose Services have short names: the pod's own first, then up the chain of bases. */
  readonly search: readonly string[]
  readonly services: readonly NamedService[]
  readonly aliases?: readonly { readonly ip: string; readonly hostnames: readonly string[] }[]
}

/**
 * The text of a pod's hosts file (hosts(5)): every Service by `name.namespace`, `….svc` and
 * `….svc.cluster.local`, and by its short name where no nearer namespace has one of that name.
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

/** Rewrites a file in place: a bind mount of it shows what its inode holds, not what takes its name. */
export function rewriteFile(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'r+' })
    truncateSync(path, Buffer.byteLength(text))
  } catch {
    writeFileSync(path, text)
  }
}

/** The namespace of a search domain such as `shop.svc.cluster.local`, or undefined for others. */
export function searchNamespace(domain: string): string | undefined {
  return /^([a-z0-9-]+)\.svc(?:\.cluster\.local)?\.?$/.exec(domain)?.[1]
}

/** An Environment as far as names need it. */
export interface NamedEnvironment {
  readonly name: string
  readonly namespace: string
  readonly base?: string
}

/** The namespaces of the environments above one, nearest first; a cycle ends where it closes. */
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
 * A text with the full names of Services (`api.shop.svc`, `api.shop.svc.cluster.local`) replaced by their
 * addresses: for variables, where pods have no hosts files.
 */
export function withAddresses(text: string, services: readonly NamedService[]): string {
  return text.replace(FULL_NAME, (whole, name: string, namespace: string) => {
    const service = services.find((it) => it.name === name && it.namespace === namespace)
    return service?.addresses[0] ?? whole
  })
}

const FULL_NAME = /(?<![\w.-])([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?(?![\w.-])/g
