import { IGNORE, type Transport, type Upstream } from './transport.ts'

/** Receives the events of a {@link Reach}. */
export interface ReachListener<U extends Upstream> {
  /** This upstream accepted the connection. Called even after a cancellation. */
  accepted?(upstream: U): void
  /** This upstream did not accept the connection in time. */
  refused?(upstream: U): void
  /** The transport is open. Set its receiver at once. `failed` upstreams were tried before. */
  reached(transport: Transport, failed: number): void
  /** None of the upstreams accepted the connection, and this many were tried. */
  unreachable(tried: number): void
}

/** Dials upstreams one after another, each within `connectMs`, until one accepts the connection. */
export class Reach<U extends Upstream = Upstream> {
  /** True once the listener was called with the result. */
  over = false
  readonly #upstreams: readonly U[]
  readonly #connectMs: number
  readonly #listener: ReachListener<U>
  #transport: Transport | undefined = undefined
  #cancelled = false
  #failed = 0

  constructor(upstreams: readonly U[], connectMs: number, listener: ReachListener<U>) {
    this.#upstreams = upstreams
    this.#connectMs = connectMs
    this.#listener = listener
    this.#next()
  }

  /** Gives up. The listener gets no result. */
  cancel(): void {
    this.#cancelled = true
    this.#transport?.destroy()
  }

  #next(): void {
    const upstream = this.#upstreams[this.#failed]
    if (upstream === undefined) {
      this.over = true
      return this.#listener.unreachable(this.#failed)
    }
    const transport = upstream.dial()
    this.#transport = transport
    const timer = setTimeout(() => transport.destroy(new Error('connect timeout')), this.#connectMs)
    transport.receiver = {
      ...IGNORE,
      onOpen: () => {
        clearTimeout(timer)
        this.#listener.accepted?.(upstream)
        if (this.#cancelled) return transport.destroy()
        this.#transport = undefined
        this.over = true
        this.#listener.reached(transport, this.#failed)
      },
      onClose: () => {
        clearTimeout(timer)
        if (transport.opened || this.#cancelled) return
        this.#listener.refused?.(upstream)
        this.#failed++
        this.#next()
      },
    }
  }
}
