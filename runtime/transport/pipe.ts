import type { Receiver, Transport } from './transport.ts'

/** A pipe or an upgraded connection is cut off after this time without a byte in either direction. */
export const PIPE_IDLE_MS = 3_600_000

/** Default time for the second end to connect. */
const PIPE_CONNECT_MS = 3_000

/** The result of a pipe. */
interface PipeReport {
  /** Bytes from the first transport to the second, and back. */
  readonly forwardBytes: number
  readonly backwardBytes: number
  /** Why the pipe was cut off; undefined if both directions ended normally. */
  readonly error: Error | undefined
}

export interface PipeOptions {
  /** Both ends are cut off after this time without a byte. Default: {@link PIPE_IDLE_MS}. */
  readonly idleMs?: number
  /** Longest time to connect the second end. After it, both ends are cut off. Default: 3 s. */
  readonly connectMs?: number
  /** Called once, after both ends have closed. */
  readonly onDone?: (report: PipeReport) => void
}

/** A running pipe. */
export interface Pipe {
  /**
   * Ends the pipe within about this time. If nothing moves for half of the time, it ends both directions (a FIN) and
   * drops the bytes that still arrive. Otherwise it aborts both ends with this error, because data that is cut off must
   * not look complete.
   */
  retire(withinMs: number, error: Error): void
  /** Closes both ends; with an error, as an abort. */
  destroy(error?: Error): void
}

/**
 * Joins two transports. Bytes pass unmodified in both directions, a slow reader pauses its writer, an end passes as an
 * end (half-close), and an abort as an abort. Either transport may still be connecting: the pipe reads nothing until
 * both are open.
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
    this.#timer = this.#wait(connecting ? 'no connection' : 'no bytes', waitMs)
    if (a.closed || b.closed) this.destroy(new Error('pipe: an end was already closed'))
  }

  opened(): void {
    if (this.#retiring || !this.a.transport.opened || !this.b.transport.opened) return
    clearTimeout(this.#timer)
    this.#timer = this.#wait('no bytes', this.#idleMs)
    this.a.transport.resume()
    this.b.transport.resume()
  }

  /** This side takes more data, so the pipe resumes the other one. */
  resume(side: Side): void {
    const other = side === this.a ? this.b : this.a
    other.resume()
  }

  closed(side: Side, error: Error | undefined): void {
    const other = side === this.a ? this.b : this.a
    this.#error ??= error
    if (!other.over) {
      // A normal close means that both directions have ended. Any other close of one end aborts the other.
      const peace = error === undefined && side.ended && other.ended
      if (!peace) {
        this.#error ??= new Error('pipe: an end closed before both directions had ended')
        other.transport.destroy(this.#error)
      }
      return
    }
    clearTimeout(this.#timer)
    this.#options.onDone?.({
      forwardBytes: this.a.byteCount,
      backwardBytes: this.b.byteCount,
      error: this.#error,
    })
  }

  retire(withinMs: number, error: Error): void {
    if (this.#retiring) return
    this.#retiring = true
    clearTimeout(this.#timer)
    this.moved = false
    const waitMs = withinMs / 2
    // A process that was suspended has not read yet what arrived in the meantime. It reads first and decides then.
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

  /** True if both ends are open and no bytes wait to be sent to either. */
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
  byteCount = 0
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

  /**
   * The other end still wants what this one has sent, unless the other end does not read. In that case the pipe would
   * not notice the end.
   */
  get readsOn(): boolean {
    return !this.#held
  }

  onOpen(): void {
    this.#join.opened()
  }

  onData(data: Buffer): void {
    this.byteCount += data.length
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
