import type { Timed } from '../../../proxy/clock.ts'
import type { Receiver, Transport } from '../../../transport/transport.ts'
import { type ProxyHeader, readProxyHeader } from './proxy-header.ts'

/** Receives the result of a {@link ProxyOpening}, once. */
export interface ProxyOwner {
  /** The header is complete. `rest`: the bytes after it. The transport has no receiver any more. */
  proxied(opening: ProxyOpening, header: ProxyHeader, rest: Buffer): void
  /** The connection ended before that, or did not begin with a header. */
  left(opening: ProxyOpening): void
}

/** A connection of a load balancer until its header of the PROXY protocol is complete. */
export class ProxyOpening implements Receiver, Timed {
  readonly transport: Transport
  deadline: number
  readonly #owner: ProxyOwner
  #bytes: Buffer = Buffer.alloc(0)

  /** `deadline`: when the connection is cut if the header is not complete. */
  constructor(transport: Transport, deadline: number, owner: ProxyOwner) {
    this.transport = transport
    this.deadline = deadline
    this.#owner = owner
    transport.receiver = this
  }

  onOpen(): void {}
  onDrain(): void {}

  onData(view: Buffer): void {
    // Copied, because the next read overwrites the view.
    this.#bytes = Buffer.concat([this.#bytes, view])
    try {
      const header = readProxyHeader(this.#bytes)
      if (header !== undefined) this.#owner.proxied(this, header, this.#bytes.subarray(header.length))
    } catch {
      this.cut()
    }
  }

  onEnd(): void {
    this.cut()
  }

  onClose(): void {
    this.#owner.left(this)
  }

  onDeadline(): void {
    this.cut()
  }

  /** Ends the connection. `left` follows. */
  cut(): void {
    this.transport.destroy()
    this.#owner.left(this)
  }
}
