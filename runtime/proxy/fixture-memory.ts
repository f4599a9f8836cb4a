import { type Upstream, IGNORE, type Receiver, type Transport } from '../transport/transport.ts'

const WINDOW = 64 * 1024

/**
 * For tests: one end of a byte stream without a socket, like a tunnel's stream. It delivers data in later turns, in
 * pieces of at most `piece` bytes. It overwrites each piece after delivery, so that a test fails if a receiver keeps
 * the view.
 */
export class MemoryTransport implements Transport {
  receiver: Receiver = IGNORE
  opened = true
  closed = false
  readonly stable = false
  readonly remoteAddress = undefined
  #peer: MemoryTransport = this
  readonly #piece: number
  #incoming = Buffer.alloc(0)
  #paused = false
  #ended = false
  #endWanted = false
  #endSeen = false
  #blocked = false
  #closeDelivered = false
  #scheduled = false

  constructor(piece: number) {
    this.#piece = piece
  }

  /** Returns the two ends of one stream. */
  static pair(piece = 1024): [MemoryTransport, MemoryTransport] {
    const [one, other] = [new MemoryTransport(piece), new MemoryTransport(piece)]
    one.#peer = other
    other.#peer = one
    return [one, other]
  }

  get pendingBytes(): number {
    return this.#peer.#incoming.length
  }

  write(data: Buffer | string): boolean {
    if (this.closed || this.#ended) return true
    const peer = this.#peer
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
    peer.#incoming = Buffer.concat([peer.#incoming, bytes])
    peer.#schedule()
    if (peer.#incoming.length < WINDOW) return true
    this.#blocked = true
    return false
  }

  writeBoth(text: string, data: Buffer): boolean {
    this.write(text)
    return this.write(data)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    const peer = this.#peer
    peer.#endWanted = true
    peer.#schedule()
  }

  destroy(error?: Error): void {
    if (this.closed) return
    this.closed = true
    setImmediate(() => this.#deliverClose(error))
    setImmediate(() => this.#peer.destroy(error ?? new Error('the other end was destroyed')))
  }

  #schedule(): void {
    if (this.#scheduled || this.closed) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    if (this.closed || this.#paused) return
    const view = Buffer.from(this.#incoming.subarray(0, this.#piece))
    if (view.length > 0) {
      this.#incoming = this.#incoming.subarray(view.length)
      this.receiver.onData(view)
      view.fill('#')
      this.#peer.#drained()
      return this.#schedule()
    }
    if (!this.#endWanted || this.#endSeen) return
    this.#endSeen = true
    this.receiver.onEnd()
    if (this.#ended) this.#bothEnded()
  }

  #drained(): void {
    if (!this.#blocked || this.closed || this.pendingBytes >= WINDOW / 2) return
    this.#blocked = false
    this.receiver.onDrain()
  }

  #bothEnded(): void {
    for (const end of [this, this.#peer]) {
      if (end.closed || !end.#endSeen || !end.#ended) continue
      end.closed = true
      setImmediate(() => end.#deliverClose(undefined))
    }
  }

  #deliverClose(error: Error | undefined): void {
    if (this.#closeDelivered) return
    this.#closeDelivered = true
    this.receiver.onClose(error)
  }
}

/** For tests: an upstream whose connections are in memory. `accept` gets the server's end. */
export const memoryUpstream = (accept: (end: MemoryTransport) => void, piece?: number): Upstream => ({
  key: 'memory',
  dial() {
    const [ours, theirs] = MemoryTransport.pair(piece)
    accept(theirs)
    return ours
  },
})
