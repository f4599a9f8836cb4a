import { type BlockList, isIPv4 } from 'node:net'
import { addressGroup } from '../../../process/address-group.ts'

/** The current connections and requests of one address. It is the context of its connections in the engine. */
export interface Visitor {
  /** An IPv4 address, or the /64 of an IPv6 one. */
  readonly group: string
  /** Whether it is a front, such as an ingress controller, behind which many visitors are. It has no limits. */
  readonly front: boolean
  connections: number
  /** Running requests, including upgraded connections. */
  requests: number
}

export interface VisitorOptions {
  /** The maximum connections of one address. 0: no limit. */
  readonly connectionsPerAddress: number
  /** The maximum running requests of one address. 0: no limit. */
  readonly requestsPerAddress: number
  readonly fronts: BlockList
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
    const visitor = this.#visitors.get(group) ?? this.#add(group, address)
    if (!visitor.front && isUsedUp(visitor.connections, this.#options.connectionsPerAddress)) return undefined
    visitor.connections++
    return visitor
  }

  /** A connection is closed. */
  leave(visitor: Visitor): void {
    if (--visitor.connections === 0) this.#visitors.delete(visitor.group)
  }

  /** Whether a further request may run. The caller then counts it. */
  maySend(visitor: Visitor): boolean {
    return visitor.front || !isUsedUp(visitor.requests, this.#options.requestsPerAddress)
  }

  #add(group: string, address: string | undefined): Visitor {
    const visitor = { group, front: this.#isFront(address), connections: 0, requests: 0 }
    this.#visitors.set(group, visitor)
    return visitor
  }

  #isFront(address: string | undefined): boolean {
    return address !== undefined && this.#options.fronts.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
  }
}

const isUsedUp = (used: number, most: number): boolean => most > 0 && used >= most
