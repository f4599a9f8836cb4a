import type { Server, Socket } from 'node:net'
import { addressGroup } from './address-group.ts'

/** How many connections may wait at one time. */
export interface GateLimits {
  /** Connections that wait, of all addresses. */
  readonly waiting: number
  /** Connections of one address that wait (IPv6: of one /64). */
  readonly waitingPerAddress: number
}

/**
 * Bounds the connections of a server that have not proved yet that they are worth a place. Above a limit the one
 * that has waited longest is closed, and the new one is taken: a peer that does its part waits for milliseconds,
 * so peers that stall cannot keep it out. `Server.maxConnections` does the opposite, and they can.
 */
export class ConnectionGate {
  readonly #limits: GateLimits
  /** In the order in which they began to wait. */
  readonly #waiting = new Set<Socket>()
  readonly #byAddress = new Map<string, Set<Socket>>()
  readonly #groups = new WeakMap<Socket, string>()

  constructor(limits: GateLimits) {
    this.#limits = limits
  }

  /** Watches all connections that a server accepts from now on. */
  guard(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#groups.set(socket, addressGroup(socket.remoteAddress))
      socket.once('close', () => this.release(socket))
      this.hold(socket)
    })
  }

  get size(): number {
    return this.#waiting.size
  }

  /** The connection waits from now on, also where it did not for a while. */
  hold(socket: Socket): void {
    if (socket.destroyed || this.#waiting.has(socket)) return
    const group = this.#groupOf(socket)
    let siblings = this.#byAddress.get(group)
    if (siblings === undefined) this.#byAddress.set(group, (siblings = new Set()))
    if (siblings.size >= this.#limits.waitingPerAddress) this.#closeOldest(siblings)
    if (this.#waiting.size >= this.#limits.waiting) this.#closeOldest(this.#waiting)
    // Where the last sibling was closed, its set was forgotten.
    this.#byAddress.set(group, siblings.add(socket))
    this.#waiting.add(socket)
  }

  /** The connection has its place, or is closed: it is not counted. */
  release(socket: Socket): void {
    if (!this.#waiting.delete(socket)) return
    const group = this.#groupOf(socket)
    const siblings = this.#byAddress.get(group)
    siblings?.delete(socket)
    if (siblings?.size === 0) this.#byAddress.delete(group)
  }

  /** Closes all that wait. */
  cut(): void {
    for (const socket of this.#waiting) socket.destroy()
  }

  #groupOf(socket: Socket): string {
    return this.#groups.get(socket) ?? addressGroup(socket.remoteAddress)
  }

  #closeOldest(sockets: ReadonlySet<Socket>): void {
    const [oldest] = sockets
    if (oldest === undefined) return
    this.release(oldest)
    oldest.destroy()
  }
}
