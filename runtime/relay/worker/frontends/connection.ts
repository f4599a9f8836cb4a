import type { Client } from '../../../proxy/decision.ts'

/** A connection of a visitor: the context of its client in both engines. */
export interface VisitorConnection {
  /** The address of the visitor, or of the front through which it came. */
  readonly address: string | undefined
  /** Who the connection counts for. */
  readonly visitor: Visitor
  /** What TLS says about it. Undefined for a connection without TLS. */
  readonly tls: TlsFacts | undefined
  /** Fields of every response on it: `[name, value]`, with names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** The id of the circuit whose port it came to. Undefined: the host of each request decides. */
  readonly circuit?: string | undefined
}

/** The current connections and requests of one address. Its connections share it. */
export interface Visitor {
  /** An IPv4 address, or the /64 of an IPv6 one. */
  readonly group: string
  /** Whether it is a front, such as an ingress controller, behind which many visitors are. It has no limits. */
  readonly front: boolean
  connections: number
  /** TLS handshakes in progress. */
  handshakes: number
  /** Running requests, including upgraded connections. */
  requests: number
}

/** What the TLS handshake of a connection says. */
export interface TlsFacts {
  /** Whether the certificate that the visitor got is valid for a host, which has no port. */
  covers(host: string): boolean
}

/** The connection of a client. */
export const connectionOf = (client: Client): VisitorConnection => client.context as VisitorConnection

export const NO_FIELDS: VisitorConnection['fields'] = []
