import type { Duplex } from 'node:stream'
import { IGNORE, type Receiver, type Transport } from './transport.ts'

/**
 * A Duplex of Node as a {@link Transport}, for a peer in this process or a connection that is rarely used. It opens in
 * the next tick, or with the event `opening` of the duplex, such as `secureConnect`. The other way is
 * {@link transportDuplex}.
 */
export class DuplexTransport implements Transport {
  receiver: Receiver = IGNORE
  opened = false
  closed = false
  readonly stable = false
  readonly remoteAddress = undefined
  readonly #duplex: Duplex
  #error: Error | undefined

  constructor(duplex: Duplex, opening?: string) {
    this.#duplex = duplex
    duplex.on('error', (error) => (this.#error ??= error))
    duplex.once('close', () => {
      this.closed = true
      this.receiver.onClose(this.#error)
    })
    if (opening === undefined) process.nextTick(() => this.#open())
    else duplex.once(opening, () => this.#open())
  }

  #open(): void {
    if (this.closed) return
    this.opened = true
    const duplex = this.#duplex
    duplex.on('data', (data: Buffer) => this.receiver.onData(data))
    duplex.once('end', () => this.receiver.onEnd())
    duplex.on('drain', () => this.receiver.onDrain())
    this.receiver.onOpen()
  }

  get pendingBytes(): number {
    return this.#duplex.writableLength
  }

  write(data: Buffer | string, stable = false): boolean {
    const { writable } = this.#duplex
    if (!writable) return false
    return this.#duplex.write(
      typeof data === 'string' || !stable ? Buffer.from(data as string, 'latin1') : data,
    )
  }

  writeBoth(text: string, data: Buffer, stable?: boolean): boolean {
    this.write(text)
    return this.write(data, stable)
  }

  pause(): void {
    this.#duplex.pause()
  }

  resume(): void {
    this.#duplex.resume()
  }

  end(): void {
    this.#duplex.end()
  }

  destroy(error?: Error): void {
    this.closed = true
    this.#duplex.destroy(error)
  }
}
