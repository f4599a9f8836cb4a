import type { Client } from '../../../proxy/decision.ts'
import type { Visitor } from '../visitors/visitors.ts'

/** A connection of a visitor: the context of its client in both engines. */
export interface VisitorConnection {
  /** The address of the visitor, or of the front through which it came. */
  readonly address: string | undefined
  /** Who the connection counts for. */
  readonly visitor: Visitor
  /** What TLS says about it. Undefined for a connection without TLS. */
  readonly tls?: TlsFacts | undefined
  /** The id of the circuit whose port it came to. Undefined: the host of each request decides. */
  readonly circuit?: string | undefined
}

/** What the TLS handshake of a connection says. */
interface TlsFacts {
  /** Whether the certificate that the visitor got is valid for a host, which has no port. */
  covers(host: string): boolean
}

/** The connection of a client. */
export const connectionOf = (client: Client): VisitorConnection => client.context as VisitorConnection
