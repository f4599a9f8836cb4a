import type { Client } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { addressGroup } from '../../../process/address-group.ts'
import { clientAddress, isIn, type Trust } from '../frontends/client-address.ts'
import { connectionOf, type Visitor } from '../frontends/connection.ts'

export interface VisitorOptions {
  /** The maximum connections of one address. 0: no limit. */
  readonly connectionsPerAddress: number
  /** The maximum running requests of one address. 0: no limit. */
  readonly requestsPerAddress: number
  readonly trust: Trust
}

/** The client that sent a request. */
export interface Sender {
  readonly address: string | undefined
  /** Who the request counts for. */
  readonly visitor: Visitor
}

/** Visitors by address, so that one address cannot use all connections of the relay or all streams of a tunnel. */
export class Visitors {
  readonly #options: VisitorOptions
  readonly #visitors = new Map<string, Visitor>()

  constructor(options: VisitorOptions) {
    this.#options = options
  }

  /** Counts a new connection. Undefined if its address has too many. */
  arrive(address: string | undefined): Visitor | undefined {
    const group = addressGroup(address)
    const visitor = this.#find(group, address)
    this.#visitors.set(group, visitor)
    if (!visitor.front && isUsedUp(visitor.connections, this.#options.connectionsPerAddress)) return undefined
    visitor.connections++
    return visitor
  }

  /** A connection is closed. */
  leave(visitor: Visitor): void {
    visitor.connections--
    this.#forget(visitor)
  }

  /**
   * Who sent a request. Behind a front, that is the client that the front names. A client is kept only while one of its
   * requests is counted, because anyone can make a front name many.
   */
  senderOf(client: Client, head: Head): Sender {
    const { address, visitor } = connectionOf(client)
    if (!visitor.front) return { address, visitor }
    const named = clientAddress(address, head, this.#options.trust)
    const group = addressGroup(named)
    if (group === visitor.group) return { address: named, visitor }
    return { address: named, visitor: this.#find(group, named) }
  }

  /** Counts a request, in the turn in which {@link senderOf} found who sent it. */
  begin(visitor: Visitor): void {
    visitor.requests++
    this.#visitors.set(visitor.group, visitor)
  }

  /** A request that was counted is over. */
  done(visitor: Visitor): void {
    visitor.requests--
    this.#forget(visitor)
  }

  /** The clients that are kept. */
  get size(): number {
    return this.#visitors.size
  }

  #forget({ group, connections, requests }: Visitor): void {
    if (connections === 0 && requests === 0) this.#visitors.delete(group)
  }

  /** Whether a further request may run. The caller then counts it. */
  maySend(visitor: Visitor): boolean {
    return visitor.front || !isUsedUp(visitor.requests, this.#options.requestsPerAddress)
  }

  #find(group: string, address: string | undefined): Visitor {
    const known = this.#visitors.get(group)
    if (known !== undefined) return known
    const front = isIn(this.#options.trust.fronts, address)
    return { group, front, connections: 0, handshakes: 0, requests: 0 }
  }
}

const isUsedUp = (used: number, most: number): boolean => most > 0 && used >= most
