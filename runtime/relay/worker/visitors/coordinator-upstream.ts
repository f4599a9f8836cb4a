import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import { DuplexTransport } from '../../../transport/duplex-transport.ts'
import { dialTcp } from '../../../transport/tcp.ts'
import type { Upstream } from '../../../transport/transport.ts'

/**
 * The API of a coordinator as an upstream. `inProcess` connects to the one of this process, and returns undefined for all
 * others: their URLs are `http:`, or `https:` with a certificate of an authority that this process trusts.
 */
export function coordinatorUpstream(
  url: string,
  inProcess: (url: string) => Duplex | undefined = () => undefined,
): Upstream {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const isSecure = protocol === 'https:'
  const number = port === '' ? (isSecure ? 443 : 80) : Number(port)
  return {
    // No circuit that names the same address may get one of these connections.
    key: `coordinator:${url}`,
    dial: () => {
      const duplex = inProcess(url)
      if (duplex !== undefined) return new DuplexTransport(duplex)
      if (!isSecure) return dialTcp(host, number)
      const name = isIP(host) === 0 ? { servername: host } : {}
      return new DuplexTransport(connect({ host, port: number, ...name }), 'secureConnect')
    },
  }
}
