import { Clock } from '../../../proxy/clock.ts'
import { listen, type Listener } from '../../../transport/tcp.ts'
import type { Transport } from '../../../transport/transport.ts'
import type { Visitor, Visitors } from '../visitors/visitors.ts'
import type { VisitorConnection } from './connection.ts'
import type { VisitorEngines } from './engines.ts'
import { Opening, type OpeningOwner } from './opening.ts'

export interface VisitorListenerOptions {
  readonly host: string
  readonly port: number
  readonly engines: VisitorEngines
  readonly visitors: Visitors
  /** How long a connection may take to send its first bytes, in milliseconds. */
  readonly headMs: number
  /** A connection was refused, because its address has too many. */
  readonly onRefused: (address: string | undefined) => void
  /** The id of the circuit whose port it is. Undefined: the host of each request decides. */
  readonly circuit?: string | undefined
}

/**
 * Accepts visitors without TLS, of HTTP/1.1 and of HTTP/2 with prior knowledge, on one port. Rejects with the system's
 * error if it cannot listen.
 */
export async function listenForVisitors(options: VisitorListenerOptions): Promise<VisitorListener> {
  const openings = new Openings(options)
  const { host, port } = options
  const listener = await listen({ host, port }, (transport) => openings.accept(transport))
  return new VisitorListener(listener, openings)
}

/** An open listener of visitors. */
export class VisitorListener {
  readonly port: number
  readonly #listener: Listener
  readonly #openings: Openings

  constructor(listener: Listener, openings: Openings) {
    this.port = listener.port
    this.#listener = listener
    this.#openings = openings
  }

  /** Connections whose version is not known yet. */
  get openings(): number {
    return this.#openings.size
  }

  /** Accepts no more connections. Those that have sent nothing yet become those of the HTTP/1.1 engine: stop it next. */
  stop(): void {
    this.#listener.stop()
    this.#openings.stop()
  }
}

class Openings implements OpeningOwner {
  readonly #options: VisitorListenerOptions
  readonly #open = new Set<Opening>()
  readonly #clock: Clock

  constructor(options: VisitorListenerOptions) {
    this.#options = options
    this.#clock = new Clock([options.headMs])
  }

  get size(): number {
    return this.#open.size
  }

  accept(transport: Transport): void {
    const { visitors, headMs, onRefused, circuit } = this.#options
    const address = transport.remoteAddress
    const visitor: Visitor | undefined = visitors.arrive(address)
    if (visitor === undefined) {
      onRefused(address)
      return transport.destroy()
    }
    const connection: VisitorConnection = { address, visitor, circuit }
    const opening = new Opening(transport, connection, this.#clock.in(headMs), this)
    this.#open.add(opening)
    this.#clock.watch(opening)
  }

  opened(opening: Opening, version: 'http1' | 'http2', bytes: Buffer): void {
    if (!this.#forget(opening)) return
    const { engines } = this.#options
    const { transport, context } = opening
    engines[version].serve(transport, { context, bytes, full: engines.full })
  }

  left(opening: Opening): void {
    if (this.#forget(opening)) this.#options.visitors.leave((opening.context as VisitorConnection).visitor)
  }

  stop(): void {
    for (const opening of this.#open) this.opened(opening, 'http1', opening.bytes)
  }

  #forget(opening: Opening): boolean {
    if (!this.#open.delete(opening)) return false
    this.#clock.unwatch(opening)
    return true
  }
}
