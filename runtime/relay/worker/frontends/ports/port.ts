import { Backoff, type BackoffLimits } from '../../../../process/backoff.ts'

/** An open listener. After `stop`, its port is free. */
export interface Bound {
  stop(): void
}

/** Learns whether a port is open. */
export interface PortOwner {
  bound(port: CircuitPort): void
  /** It is not, for this reason (a sentence), and is tried again later. */
  failed(port: CircuitPort, reason: string): void
}

/** The port of one circuit: opened, and tried again with backoff while it cannot be. */
export class CircuitPort {
  readonly circuit: string
  readonly number: number
  readonly #open: () => Promise<Bound>
  readonly #owner: PortOwner
  readonly #backoff: Backoff
  #bound: Bound | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined
  #opening = false
  #closed = false

  constructor(
    circuit: string,
    number: number,
    options: {
      readonly open: () => Promise<Bound>
      readonly owner: PortOwner
      readonly limits: BackoffLimits
    },
  ) {
    this.circuit = circuit
    this.number = number
    this.#open = options.open
    this.#owner = options.owner
    this.#backoff = new Backoff(options.limits)
  }

  get isBound(): boolean {
    return this.#bound !== undefined
  }

  /** Tries to open the port now, unless it is open or being opened. */
  async open(): Promise<void> {
    if (this.#bound !== undefined || this.#opening || this.#closed) return
    clearTimeout(this.#timer)
    this.#opening = true
    try {
      const bound = await this.#open()
      if (this.#isClosed()) return bound.stop()
      this.#bound = bound
      this.#backoff.reset()
      this.#owner.bound(this)
    } catch (error) {
      this.#failed(error as NodeJS.ErrnoException)
    } finally {
      this.#opening = false
    }
  }

  /** Frees the port at once. Accepted connections go on. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#bound?.stop()
    this.#bound = undefined
  }

  /** It may have been closed during an await. */
  #isClosed(): boolean {
    return this.#closed
  }

  #failed({ code, message }: NodeJS.ErrnoException): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => void this.open(), this.#backoff.nextMs())
    const why = code === undefined ? message : `${code}${WHY[code] ?? ''}`
    this.#owner.failed(this, `Port ${this.number} cannot be opened: ${why}.`)
  }
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: ' (another process uses it)',
  EACCES: ' (the worker may not open it)',
}
