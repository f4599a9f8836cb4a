import { isIPv4 } from 'node:net'
import type { Inbound } from '@branchline/wire/inbound'
import { dialFirst, type DialListener, tcpUpstream } from '../transport/tcp.ts'
import type { Transport, Upstream } from '../transport/transport.ts'

/** The addresses of the sidecar, and those on which the app may listen. */
export interface Addresses {
  /** The addresses on which the sidecar listens, at least one. `0.0.0.0` and `::` mean all of a family. */
  readonly hosts: readonly string[]
  readonly adminPort: number
  readonly inbound: readonly Inbound[]
  /** The addresses on which the app may listen, the preferred one first. */
  readonly appHosts: readonly string[]
}

/** The loopback addresses, on which most apps listen. */
const LOOPBACK = ['127.0.0.1', '::1'] as const

/** All addresses of a pod. They are two listeners, because one for both families reports IPv4 callers as IPv6 addresses. */
export const ALL_HOSTS: readonly string[] = ['0.0.0.0', '::']

/** Whether this means all addresses of a pod. */
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

/** The addresses on which the app of a pod with these addresses may listen: loopback, then those of the pod. */
export const possibleAppHosts = (podAddresses: readonly string[]): readonly string[] => [
  ...new Set([...LOOPBACK, ...podAddresses.filter((address) => !isWildcard(address))]),
]

/**
 * The addresses at which this port can belong to the app. A listener of the sidecar is never one of them, because a
 * request would return to the sidecar forever. Empty if the sidecar has this port at all of them. That is so for the
 * admin port, where a caller that came through the sidecar would count as the pod itself.
 */
export function appHostsAt(addresses: Addresses, port: number): readonly string[] {
  const { hosts, adminPort, inbound, appHosts } = addresses
  if (port === adminPort) return []
  if (!inbound.some((own) => own.port === port)) return appHosts
  return appHosts.filter((appHost) => !hosts.some((host) => covers(host, appHost)))
}

const covers = (listened: string, host: string): boolean =>
  listened === host || listened === (isIPv4(host) ? '0.0.0.0' : '::')

/** One port of this pod's app. If it may have several addresses, its key is `localhost:<port>`. */
export const appUpstream = (hosts: readonly string[], port: number): Upstream =>
  hosts.length === 1 ? tcpUpstream(hosts[0] as string, port) : new AppUpstream(hosts, port)

/**
 * An app that may listen on any of several addresses. A connection goes to the address that accepted the last one. If
 * that refuses, the others are tried. After all have refused, they are tried in the given order again.
 */
class AppUpstream implements Upstream, DialListener {
  readonly key: string
  readonly #port: number
  readonly #given: readonly string[]
  /** The address that accepted the last connection comes first. Immutable, because a dial may use it. */
  #hosts: readonly string[]

  constructor(hosts: readonly string[], port: number) {
    this.key = `localhost:${port}`
    this.#port = port
    this.#given = hosts
    this.#hosts = hosts
  }

  dial(): Transport {
    return dialFirst(this.#hosts, this.#port, this)
  }

  reached(host: string): void {
    if (host !== this.#hosts[0]) this.#hosts = [host, ...this.#given.filter((other) => other !== host)]
  }

  unreachable(): void {
    this.#hosts = this.#given
  }
}
