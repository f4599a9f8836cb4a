import { Duplex } from 'node:stream'
import type { Transport } from './transport.ts'

/** Returns an open transport as a Duplex of Node, for a protocol that Node itself implements. It takes the transport over. */
export const transportDuplex = (transport: Transport): Duplex => new TransportDuplex(transport)

class TransportDuplex extends Duplex {
  readonly #transport: Transport
  /** Calls back once the transport has taken the last write. */
  #taken: (() => void) | undefined = undefined

  constructor(transport: Transport) {
    super({ allowHalfOpen: false })
    this.#transport = transport
    transport.receiver = {
      onOpen: () => {},
      onData: (data) => {
        if (!this.push(transport.stable ? data : Buffer.from(data))) transport.pause()
      },
      onEnd: () => void this.push(null),
      onDrain: () => this.#drained(),
      onClose: (error) => this.destroy(error),
    }
  }

  override _read(): void {
    this.#transport.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // Node may reuse the bytes once `done` is called, so they count as stable only until then.
    if (this.#transport.write(chunk, true)) done()
    else this.#taken = done
  }

  override _final(done: () => void): void {
    this.#transport.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#transport.closed) this.#transport.destroy(error ?? undefined)
    done(error)
  }

  #drained(): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }
}
