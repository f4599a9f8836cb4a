import { isIPv4 } from 'node:net'

/** The two addresses of a connection, as `net.Socket` has them. */
interface Ends {
  readonly localAddress?: string | undefined
  readonly remoteAddress?: string | undefined
}

/** The addresses from which a connection leaves a pod for itself, unless its process asks for another one. */
const OWN = ['127.0.0.1', '::1'] as const
/** Hosts that lead to loopback as well, or to nothing else. */
const COVERING = new Set(['', '0.0.0.0', '::', 'localhost'])
/** A `Host` that is an address, or that no DNS server answers for (RFC 6761, 6.3). */
const HOST = /^(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i

/**
 * Whether a connection comes from the pod itself: from 127.0.0.1 or ::1, to a loopback address. The containers of a
 * pod share loopback, and no other pod reaches it; `kubectl port-forward` and `kubectl exec` do. Both ends count,
 * because a service mesh passes on the connections of others from an address of loopback, to that of the pod.
 * In the embedded cluster the pods' addresses are loopback addresses, so every process of the machine is local, unless
 * it connects from the address of a pod.
 */
export function isLocalPeer({ localAddress, remoteAddress }: Ends): boolean {
  const local = plain(localAddress)
  const remote = plain(remoteAddress)
  return OWN.some((own) => own === remote) && isLoopback(local)
}

/** Whether an address reaches no further than its machine: 127.0.0.0/8 or ::1. */
const isLoopback = (address: string): boolean =>
  address === '::1' || (isIPv4(address) && address.startsWith('127.'))

/** Where a server that listens on `host` listens too, so that its own pod reaches it over loopback. */
export function loopbackHosts(host: string): readonly string[] {
  return COVERING.has(host) || isLoopback(plain(host)) ? [] : OWN
}

/**
 * Whether a request may come from a web page: the browser of the person who runs `kubectl port-forward`, or the
 * embedded cluster, is a local peer too. A page of another origin says so in `Origin`, and one whose name was made to
 * mean 127.0.0.1 (DNS rebinding) has that name in `Host`.
 */
export const isFromPage = ({ origin, host }: { origin?: string; host?: string }): boolean =>
  origin !== undefined || (host !== undefined && !HOST.test(host))

/** An IPv4 address that is written as IPv6 (RFC 4291, 2.5.5.2) as IPv4. */
const plain = (address = ''): string => (address.startsWith('::ffff:') ? address.slice(7) : address)
