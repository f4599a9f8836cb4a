import type { BlockList, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Clock } from '../../../proxy/clock.ts'
import { socketTransport } from '../../../transport/tcp.ts'
import type { Transport } from '../../../transport/transport.ts'
import type { Visitors } from '../visitors/visitors.ts'
import { isIn } from './client-address.ts'
import { NO_FIELDS, type Visitor, type VisitorConnection } from './connection.ts'
import { factsOf, Handshakes, type SecureContextFor } from './handshake.ts'
import type { VisitorEngines } from './engines.ts'
import { DEFAULT_FRONTEND_LIMITS, type FrontendLimits } from './limits.ts'
import { Opening, type OpeningOwner } from './opening.ts'
import type { ProxyHeader } from './proxy-header.ts'
import { ProxyOpening, type ProxyOwner } from './proxy-opening.ts'

export interface VisitorListenerOptions {
  readonly host: string
  readonly port: number
  readonly engines: VisitorEngines
  readonly visitors: Visitors
  /** Default: {@link DEFAULT_FRONTEND_LIMITS}. */
  readonly limits?: FrontendLimits
  /** The id of the circuit whose port it is. Undefined: the host of each request decides. */
  readonly circuit?: string | undefined
  /** How long a connection may take to send its first bytes, in milliseconds. */
  readonly headMs: number
  /** A connection was refused, because its address has too many. */
  readonly onRefused: (address: string | undefined) => void
  /** Addresses whose connections begin with a header of the PROXY protocol. Default: none. */
  readonly proxyProtocol?: BlockList | undefined
  /** Undefined: the listener speaks no TLS. */
  readonly tls?: TlsOptions | undefined
}

export interface TlsOptions {
  readonly secureContextFor: SecureContextFor
  /** The max-age of Strict-Transport-Security in seconds (RFC 6797). Undefined: no such field. */
  readonly hstsSeconds?: number | undefined
}

type Pending = Opening | ProxyOpening
/** Who has arrived on a connection whose version is not known yet. */
type Arrival = Pick<VisitorConnection, 'address' | 'visitor'>

const NOTHING = Buffer.alloc(0)

/**
 * Accepted connections until an engine serves them: first the header of the PROXY protocol, if their peer sends one,
 * then the TLS handshake or the first bytes. From the moment that its address is known, a connection counts for it.
 */
export class Arrivals implements OpeningOwner, ProxyOwner {
  readonly #options: VisitorListenerOptions
  readonly #pending = new Set<Pending>()
  readonly #clock: Clock
  readonly #fields: VisitorConnection['fields']
  readonly #proxied: BlockList | undefined
  readonly #limits: FrontendLimits
  readonly #handshakes: Handshakes | undefined
  /** Sockets in a handshake. */
  readonly #shaking = new Set<Socket>()

  constructor(options: VisitorListenerOptions) {
    this.#options = options
    const { tls, headMs, limits = DEFAULT_FRONTEND_LIMITS, proxyProtocol } = options
    this.#limits = limits
    this.#clock = new Clock([headMs, limits.proxyHeaderMs])
    this.#handshakes = tls && new Handshakes(tls.secureContextFor, limits.handshakeMs)
    const seconds = tls?.hstsSeconds
    this.#fields = seconds === undefined ? NO_FIELDS : [['strict-transport-security', `max-age=${seconds}`]]
    this.#proxied = proxyProtocol !== undefined && proxyProtocol.rules.length > 0 ? proxyProtocol : undefined
  }

  get size(): number {
    return this.#pending.size + this.#shaking.size
  }

  accept(transport: Transport): void {
    const { pending, proxyHeaderMs } = this.#limits
    const peer = transport.remoteAddress
    if (this.size >= pending) return transport.destroy()
    if (this.#proxied === undefined || !isIn(this.#proxied, peer))
      return this.#arrive(transport, peer, NOTHING)
    this.#add(new ProxyOpening(transport, this.#clock.in(proxyHeaderMs), this))
  }

  proxied(opening: ProxyOpening, { address }: ProxyHeader, rest: Buffer): void {
    if (!this.#forget(opening)) return
    this.#arrive(opening.transport, address ?? opening.transport.remoteAddress, rest)
  }

  opened(opening: Opening, version: 'http1' | 'http2', bytes: Buffer): void {
    if (!this.#forget(opening)) return
    const { engines } = this.#options
    const { transport, context } = opening
    engines[version].serve(transport, { context, bytes, full: engines.full })
  }

  left(pending: Pending): void {
    if (!this.#forget(pending) || pending instanceof ProxyOpening) return
    const { visitor } = pending.context as Arrival
    this.#options.visitors.leave(visitor)
  }

  /** What has sent nothing yet becomes a connection of HTTP/1.1. The rest is cut off. */
  stop(): void {
    for (const pending of this.#pending) {
      if (pending instanceof Opening) this.opened(pending, 'http1', pending.bytes)
      else pending.cut()
    }
    for (const socket of this.#shaking) socket.destroy()
  }

  /** The address of a connection is known. `bytes` were read from it. */
  #arrive(transport: Transport, address: string | undefined, bytes: Buffer): void {
    const { visitors, headMs, onRefused, circuit } = this.#options
    const visitor = visitors.arrive(address)
    if (visitor === undefined) {
      onRefused(address)
      return transport.destroy()
    }
    if (this.#handshakes !== undefined) return this.#shakeHands(transport, { address, visitor }, bytes)
    const connection: VisitorConnection = { address, visitor, tls: undefined, fields: NO_FIELDS, circuit }
    const opening = new Opening(transport, connection, this.#clock.in(headMs), this)
    this.#add(opening)
    if (bytes.length > 0) opening.onData(bytes)
  }

  #shakeHands(transport: Transport, arrival: Arrival, bytes: Buffer): void {
    const { visitors, onRefused } = this.#options
    const { address, visitor } = arrival
    const may = this.#mayShakeHands(visitor)
    const socket = may ? transport.takeSocket?.() : undefined
    if (socket === undefined) {
      if (!may) onRefused(address)
      visitors.leave(visitor)
      return transport.destroy()
    }
    if (bytes.length > 0) socket.unshift(bytes)
    visitor.handshakes++
    this.#shaking.add(socket)
    const over = (): void => {
      this.#shaking.delete(socket)
      visitor.handshakes--
    }
    this.#handshakes?.begin(socket, {
      secured: (secure) => {
        over()
        this.#secured(secure, arrival)
      },
      failed: () => {
        over()
        visitors.leave(visitor)
      },
    })
  }

  #secured(socket: TLSSocket, { address, visitor }: Arrival): void {
    const { engines, circuit } = this.#options
    const context: VisitorConnection = {
      address,
      visitor,
      tls: factsOf(socket),
      fields: this.#fields,
      circuit,
    }
    const given = { context, full: engines.full }
    if (socket.alpnProtocol === 'h2') engines.http2.serveSocket(socket, address, given)
    else engines.http1.serve(socketTransport(socket), given)
  }

  #mayShakeHands({ front, handshakes }: Visitor): boolean {
    return front || handshakes < this.#limits.handshakesPerAddress
  }

  #add(pending: Pending): void {
    this.#pending.add(pending)
    this.#clock.watch(pending)
  }

  #forget(pending: Pending): boolean {
    if (!this.#pending.delete(pending)) return false
    this.#clock.unwatch(pending)
    return true
  }
}
