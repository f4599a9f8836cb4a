import { looksLikeHttp2 } from '../../../http2/index.ts'
import type { Timed } from '../../../proxy/clock.ts'
import type { Receiver, Transport } from '../../../transport/transport.ts'

/** Receives the result of an {@link Opening}, once. */
export interface OpeningOwner {
  /** The first bytes have told the version. The transport has no receiver any more. */
  opened(opening: Opening, version: 'http1' | 'http2', bytes: Buffer): void
  /** The connection ended before that. */
  left(opening: Opening): void
}

const EMPTY = Buffer.alloc(0)

/**
 * An accepted connection until its first bytes tell the version: HTTP/2 with prior knowledge begins with its preface
 * (RFC 9113, 3.3), everything else is HTTP/1.1, whose engine reports what is wrong with it.
 */
export class Opening implements Receiver, Timed {
  readonly transport: Transport
  readonly context: unknown
  deadline: number
  readonly #owner: OpeningOwner
  #bytes: Buffer = EMPTY

  /** `deadline`: when the connection is cut if it is still undecided. */
  constructor(transport: Transport, context: unknown, deadline: number, owner: OpeningOwner) {
    this.transport = transport
    this.context = context
    this.deadline = deadline
    this.#owner = owner
    transport.receiver = this
  }

  /** What arrived so far. */
  get bytes(): Buffer {
    return this.#bytes
  }

  onOpen(): void {}
  onDrain(): void {}

  onData(view: Buffer): void {
    // Copied, because the next read overwrites the view.
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(view) : Buffer.concat([this.#bytes, view])
    const http2 = looksLikeHttp2(this.#bytes)
    if (http2 !== undefined) this.#owner.opened(this, http2 ? 'http2' : 'http1', this.#bytes)
  }

  /** Without a whole first line, there is no request to respond to. */
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
