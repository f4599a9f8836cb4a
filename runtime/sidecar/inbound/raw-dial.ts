import { IGNORE, type Transport, type Upstream } from '../../transport/transport.ts'
import { EndpointUpstream } from '../route/balance.ts'

/** Who waits for a {@link RawDial}. */
export interface RawDialOwner {
  /** The transport is open; its receiver is to be set at once. */
  reached(peer: Transport): void
  /** None of so many could be reached. */
  unreachable(tried: number): void
}

/** A connection to the first of some upstreams that takes it, each tried for so long. */
export class RawDial {
  readonly #upstreams: readonly Upstream[]
  readonly #connectTimeoutMs: number
  readonly #owner: RawDialOwner
  #peer: Transport | undefined = undefined
  #cancelled = false
  /** How many were tried in vain. */
  failed = 0
  /** Its owner was called back. */
  over = false

  constructor(upstreams: readonly Upstream[], connectTimeoutMs: number, owner: RawDialOwner) {
    this.#upstreams = upstreams
    this.#connectTimeoutMs = connectTimeoutMs
    this.#owner = owner
    this.#next()
  }

  /** Calls nothing back any more. */
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
