import type { Server, Socket } from 'node:net'
import { addressGroup } from './address-group.ts'

/** How many connections may wait at one time. */
export interface GateLimits {
  /** Most waiting connections of all addresses. */
  readonly waiting: number
  /** Most waiting connections of one address (IPv6: of one /64). */
  readonly waitingPerAddress: number
}

/**
 * Limits the connections of a server that have not yet earned a place, for example by authentication. Above a limit it
 * closes the connection that has waited longest and accepts the new one. A well-behaved peer waits for milliseconds, so
 * peers that stall cannot shut it out. With `Server.maxConnections` they can, because it refuses the new connection.
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

  /** The connection waits from now on. It may have been released before. */
  hold(socket: Socket): void {
    if (socket.destroyed || this.#waiting.has(socket)) return
    const group = this.#groupOf(socket)
    let siblings = this.#byAddress.get(group)
    if (siblings === undefined) this.#byAddress.set(group, (siblings = new Set()))
    if (siblings.size >= this.#limits.waitingPerAddress) this.#closeOldest(siblings)
    if (this.#waiting.size >= this.#limits.waiting) this.#closeOldest(this.#waiting)
    // If the last sibling was closed, its set was removed from the map.
    this.#byAddress.set(group, siblings.add(socket))
    this.#waiting.add(socket)
  }

  /** The connection has its place or is closed, so it no longer counts. */
  release(socket: Socket): void {
    if (!this.#waiting.delete(socket)) return
    const group = this.#groupOf(socket)
    const siblings = this.#byAddress.get(group)
    siblings?.delete(socket)
    if (siblings?.size === 0) this.#byAddress.delete(group)
  }

  /** Closes all waiting connections. */
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
