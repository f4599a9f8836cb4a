import { isIPv4 } from 'node:net'
import type { Inbound } from '@branchline/wire/inbound'
import { dialFirst, type DialListener, tcpUpstream } from '../transport/tcp.ts'
import type { Transport, Upstream } from '../transport/transport.ts'

/** Which addresses are the sidecar's own, and at which the app may listen. */
export interface Addresses {
  /** Where the sidecar listens, at least one: an address each, or all (`0.0.0.0`, `::`). */
  readonly hosts: readonly string[]
  readonly adminPort: number
  readonly inbound: readonly Inbound[]
  /** Where the app may listen, the preferred address first. */
  readonly appHosts: readonly string[]
}

/** The addresses of loopback, at which most apps can be reached. */
const LOOPBACK = ['127.0.0.1', '::1'] as const

/** Whether this means all addresses of a pod. */
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

/** Where the app of a pod with these addresses may listen: on loopback, else at an address of the pod. */
export const possibleAppHosts = (podAddresses: readonly string[]): readonly string[] => [
  ...new Set([...LOOPBACK, ...podAddresses.filter((address) => !isWildcard(address))]),
]

/**
 * The addresses at which this port can be the app's. A listener of the sidecar is never one of them: a request would
 * come back to the sidecar for ever. Empty if the sidecar has this port at all of them, as it has the admin port: a
 * caller from anywhere that came through here would count as the pod itself there.
 */
export function appHostsAt(addresses: Addresses, port: number): readonly string[] {
  const { hosts, adminPort, inbound, appHosts } = addresses
  if (port === adminPort) return []
  if (!inbound.some((own) => own.port === port)) return appHosts
  return appHosts.filter((appHost) => !hosts.some((host) => covers(host, appHost)))
}

const covers = (listened: string, host: string): boolean =>
  listened === host || listened === '::' || (listened === '0.0.0.0' && isIPv4(host))

/** The app of this pod at one of its ports. With more than one address its key is `localhost:<port>`. */
export const appUpstream = (hosts: readonly string[], port: number): Upstream =>
  hosts.length === 1 ? tcpUpstream(hosts[0] as string, port) : new AppUpstream(hosts, port)

/**
 * An app of which it is not known at which address it listens. A connection goes to the address that took the last one;
 * if that refuses, to each of the others. An app that refuses at all of them is looked for in the given order again.
 */
class AppUpstream implements Upstream, DialListener {
  readonly key: string
  readonly #port: number
  readonly #given: readonly string[]
  /** The one that took the last connection first. Never changed, only replaced: a dial may hold it. */
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
