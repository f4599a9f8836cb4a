import { IGNORE, type Transport, type Upstream } from '../../transport/transport.ts'
import { EndpointUpstream } from '../route/balance.ts'

/** Receives the result of a {@link RawDial}. */
export interface RawDialOwner {
  /** The transport is open. Set its receiver at once. */
  reached(peer: Transport): void
  /** None of the upstreams could be reached. */
  unreachable(tried: number): void
}

/** Connects to the first upstream that accepts the connection. Each is tried for `connectTimeoutMs`. */
export class RawDial {
  readonly #upstreams: readonly Upstream[]
  readonly #connectTimeoutMs: number
  readonly #owner: RawDialOwner
  #peer: Transport | undefined = undefined
  #cancelled = false
  /** The number of failed attempts. */
  failed = 0
  /** Whether the owner has been called. */
  over = false

  constructor(upstreams: readonly Upstream[], connectTimeoutMs: number, owner: RawDialOwner) {
    this.#upstreams = upstreams
    this.#connectTimeoutMs = connectTimeoutMs
    this.#owner = owner
    this.#next()
  }

  /** Stops the attempt. The owner is not called any more. */
  cancel(): void {
    this.#cancelled = true
    this.#peer?.destroy()
  }

  #next(): void {
    const upstream = this.#upstreams[this.failed]
    if (upstream === undefined) {
      this.over = true
      return this.#owner.unreachable(this.failed)
    }
    const peer = upstream.dial()
    this.#peer = peer
    const timer = setTimeout(() => peer.destroy(new Error('connect timeout')), this.#connectTimeoutMs)
    peer.receiver = {
      ...IGNORE,
      onOpen: () => {
        clearTimeout(timer)
        if (upstream instanceof EndpointUpstream) upstream.succeeded()
        if (this.#cancelled) return peer.destroy()
        this.#peer = undefined
        this.over = true
        this.#owner.reached(peer)
      },
      onClose: () => {
        clearTimeout(timer)
        if (peer.opened || this.#cancelled) return
        if (upstream instanceof EndpointUpstream) upstream.failed('unreachable')
        this.failed++
        this.#next()
      },
    }
  }
}
