import { isIPv4 } from 'node:net'

/** The two addresses of a connection, in the form of `net.Socket`. */
interface Ends {
  readonly localAddress?: string | undefined
  readonly remoteAddress?: string | undefined
}

/** The source addresses of a pod's connections to itself, unless its process chooses another address. */
const OWN = ['127.0.0.1', '::1'] as const
/** Listening hosts that include loopback. */
const COVERING = new Set(['', '0.0.0.0', '::', 'localhost'])
/** A `Host` that is an address, or a name that DNS servers do not resolve (RFC 6761, 6.3). */
const HOST = /^(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i

/**
 * True if a connection comes from the pod itself: from 127.0.0.1 or ::1, to a loopback address. The containers of a
 * pod share loopback, and no other pod reaches it; `kubectl port-forward` and `kubectl exec` do. Both ends count,
 * because a service mesh forwards the connections of others from a loopback address to the pod's address. In the
 * embedded cluster the addresses of pods are loopback addresses, so every process of the machine is local, unless it
 * connects from the address of a pod.
 */
export function isLocalPeer({ localAddress, remoteAddress }: Ends): boolean {
  const local = plain(localAddress)
  const remote = plain(remoteAddress)
  return OWN.some((own) => own === remote) && isLoopback(local)
}

/** True for an address that only its own machine can reach: 127.0.0.0/8 or ::1. */
export const isLoopback = (address: string): boolean =>
  address === '::1' || (isIPv4(address) && address.startsWith('127.'))

/** Returns further hosts for a server that listens on `hosts`, so that its own pod reaches it over loopback. */
export function loopbackHosts(hosts: readonly string[]): readonly string[] {
  return hosts.some((host) => COVERING.has(host) || isLoopback(plain(host))) ? [] : OWN
}

/**
 * True if a request may come from a web page. The browser of the person who runs `kubectl port-forward` or the embedded
 * cluster is a local peer as well. A page of another origin sends `Origin`, and a page whose name resolves to 127.0.0.1
 * (DNS rebinding) sends that name in `Host`.
 */
export const isFromPage = ({ origin, host }: { origin?: string; host?: string }): boolean =>
  origin !== undefined || (host !== undefined && !HOST.test(host))

/** Returns an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) as IPv4. */
const plain = (address = ''): string => (address.startsWith('::ffff:') ? address.slice(7) : address)
