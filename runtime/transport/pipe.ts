import type { Receiver, Transport } from './transport.ts'

/** An upgraded connection or a pipe is cut after so long without a byte either way. */
export const PIPE_IDLE_MS = 3_600_000

/** How long the second end may take to connect, by default. */
const PIPE_CONNECT_MS = 3_000

/** How a pipe went. */
export interface PipeReport {
  /** Octets from the first transport to the second, and back. */
  readonly forwardBytes: number
  readonly backwardBytes: number
  /** Why it was cut; undefined where both directions ended in peace. */
  readonly error: Error | undefined
}

export interface PipeOptions {
  /** Both are cut after so long without an octet. Default: {@link PIPE_IDLE_MS}. */
  readonly idleMs?: number
  /** Where the second is being dialled: it is cut, and the first with it, if that takes longer. Default: 3 s. */
  readonly connectMs?: number
  /** Called once, when both are closed. */
  readonly onDone?: (report: PipeReport) => void
}

/** A running pipe. */
export interface Pipe {
  /**
   * Ends it within about this time: where nothing moves for the half of it, by our end both ways (a FIN), and what
   * comes then is dropped; else by an abort with this error, since what is cut in the middle must not look whole.
   */
  retire(withinMs: number, error: Error): void
  /** Cuts both ends; with an error as an abort. */
  destroy(error?: Error): void
}

/**
 * Joins two transports: bytes pass unmodified both ways, a slow reader holds its writer, an end passes as an
 * end (half-close), and an abort as an abort. Either may still be connecting: nothing is read meanwhile.
 */
export function pipe(a: Transport, b: Transport, options: PipeOptions = {}): Pipe {
  return new Join(a, b, options)
}

class Join implements Pipe {
  readonly a: Side
  readonly b: Side
  moved = false
  #error: Error | undefined = undefined
  readonly #options: PipeOptions
  #timer: NodeJS.Timeout
  #idleMs: number
  #retiring = false

  constructor(a: Transport, b: Transport, options: PipeOptions) {
    this.#options = options
    this.#idleMs = options.idleMs ?? PIPE_IDLE_MS
    this.a = new Side(this, a, b)
    this.b = new Side(this, b, a)
    a.receiver = this.a
    b.receiver = this.b
    if (!b.opened) a.pause()
    if (!a.opened) b.pause()
    const connecting = !a.opened || !b.opened
    const waitMs = connecting ? (options.connectMs ?? PIPE_CONNECT_MS) : this.#idleMs
    this.#timer = this.#wait(connecting ? 'could not be connected' : 'no bytes', waitMs)
    if (a.closed || b.closed) this.destroy(new Error('pipe: one of its ends was closed already'))
  }

  opened(): void {
    if (this.#retiring || !this.a.transport.opened || !this.b.transport.opened) return
    clearTimeout(this.#timer)
    this.#timer = this.#wait('no bytes', this.#idleMs)
    this.a.transport.resume()
    this.b.transport.resume()
  }

  /** This side takes more: the other is read on. */
  resume(side: Side): void {
    const other = side === this.a ? this.b : this.a
    other.resume()
  }

  closed(side: Side, error: Error | undefined): void {
    const other = side === this.a ? this.b : this.a
    this.#error ??= error
    if (!other.over) {
      // In peace both directions have ended; whatever else closes one end is an abort for the other.
      const peace = error === undefined && side.ended && other.ended
      if (!peace) {
        this.#error ??= new Error('pipe: an end was closed in the middle')
        other.transport.destroy(this.#error)
      }
      return
    }
    clearTimeout(this.#timer)
    this.#options.onDone?.({
      forwardBytes: this.a.octets,
      backwardBytes: this.b.octets,
      error: this.#error,
    })
  }

  retire(withinMs: number, error: Error): void {
    if (this.#retiring) return
    this.#retiring = true
    clearTimeout(this.#timer)
    this.moved = false
    const waitMs = withinMs / 2
    // A process that stood still has not read yet what has come meanwhile: its sockets are asked before it judges.
    this.#timer = setTimeout(() => setImmediate(() => this.#leave(waitMs, error)), waitMs)
  }

  #leave(waitMs: number, error: Error): void {
    if (this.a.over && this.b.over) return
    if (this.moved || !this.#empty) return this.destroy(error)
    for (const { transport } of [this.a, this.b]) {
      transport.end()
      transport.resume()
    }
    this.#timer = setTimeout(() => this.destroy(), waitMs)
  }

  /** Whether both ends are there and nothing waits to be sent to either. */
  get #empty(): boolean {
    return [this.a, this.b].every(({ transport }) => transport.opened && transport.pendingBytes === 0)
  }

  destroy(error?: Error): void {
    this.#error ??= error
    this.a.transport.destroy(error)
    this.b.transport.destroy(error)
  }

  #wait(reason: string, waitMs: number): NodeJS.Timeout {
    const timer = setTimeout(() => {
      if (!this.moved) return this.destroy(new Error(`pipe: ${reason} for ${waitMs} ms`))
      this.moved = false
      timer.refresh()
    }, waitMs)
    return timer
  }
}

class Side implements Receiver {
  readonly transport: Transport
  octets = 0
  ended = false
  over = false
  #held = false
  readonly #join: Join
  readonly #other: Transport

  constructor(join: Join, transport: Transport, other: Transport) {
    this.#join = join
    this.transport = transport
    this.#other = other
  }

  /** What it has sent is the other's, unless that does not read on: then its end would not be noticed. */
  get readsOn(): boolean {
    return !this.#held
  }

  onOpen(): void {
    this.#join.opened()
  }

  onData(data: Buffer): void {
    this.octets += data.length
    this.#join.moved = true
    if (this.#other.write(data, this.transport.stable)) return
    this.#held = true
    this.transport.pause()
  }

  resume(): void {
    this.#held = false
    this.transport.resume()
  }

  onEnd(): void {
    this.ended = true
    this.#other.end()
  }

  onDrain(): void {
    this.#join.moved = true
    this.#join.resume(this)
  }

  onClose(error?: Error): void {
    this.over = true
    this.#join.closed(this, error)
  }
}
