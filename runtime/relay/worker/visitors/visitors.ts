import { type BlockList, isIPv4 } from 'node:net'
import { addressGroup } from '../../../process/address-group.ts'

/** What visitors of one address have at this moment. The context of their connections in the engine. */
export interface Visitor {
  /** An IPv4 address, or the /64 of an IPv6 one. */
  readonly group: string
  /** Whether it is a front, such as an ingress controller, through which many visitors come: it has no bounds. */
  readonly front: boolean
  connections: number
  /** Requests that run in clusters, upgraded connections included. */
  requests: number
}

export interface VisitorOptions {
  /** Connections of one address; 0: no bound. */
  readonly connectionsPerAddress: number
  /** Requests of one address that run at a time; 0: no bound. */
  readonly requestsPerAddress: number
  readonly fronts: BlockList
}

/** Who visits, by address: one address can take neither all connections of the relay nor all streams of a tunnel. */
export class Visitors {
  readonly #options: VisitorOptions
  readonly #visitors = new Map<string, Visitor>()

  constructor(options: VisitorOptions) {
    this.#options = options
  }

  /** A connection comes; undefined where its address has too many. */
  arrive(address: string | undefined): Visitor | undefined {
    const group = addressGroup(address)
    const visitor = this.#visitors.get(group) ?? this.#add(group, address)
    if (!visitor.front && isUsedUp(visitor.connections, this.#options.connectionsPerAddress)) return undefined
    visitor.connections++
    return visitor
  }

  /** A connection is over. */
  leave(visitor: Visitor): void {
    if (--visitor.connections === 0) this.#visitors.delete(visitor.group)
  }

  /** Whether another request may run; the caller counts it then. */
  mayAsk(visitor: Visitor): boolean {
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
