import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import { INITIAL_WINDOW, MAX_WINDOW } from '@branchline/wire/tunnel/limits'

/** Grants credit and sends it to the peer. */
export interface CreditSource {
  readonly growthMs: number
  sendWindow(id: number, credit: number): void
  /** Takes up to `bytes` of the link's credit for larger windows. Returns what it got. */
  takeGrowth(bytes: number): number
}

/**
 * The credit of a stream's peer. It is returned in halves of the window as the reader takes bytes. A fast reader gets a
 * window twice as large while the link has credit left. So one stream can fill a long link, and many stalled ones
 * cannot take away the initial window of the others.
 */
export class ReceiveWindow {
  readonly #carrier: CreditSource
  readonly #id: number
  #size = INITIAL_WINDOW
  /** Bytes that the peer may still send. */
  #open = INITIAL_WINDOW
  #taken = 0
  #sentAtMs = performance.now()

  constructor(carrier: CreditSource, id: number) {
    this.#carrier = carrier
    this.#id = id
  }

  /** The part of the link's credit that this window took. */
  get growth(): number {
    return this.#size - INITIAL_WINDOW
  }

  /** Throws if the peer had no credit for what it sent. */
  arrived(bytes: number): void {
    this.#open -= bytes
    if (this.#open >= 0) return
    throw new TunnelProtocolError('flow', `${-this.#open} bytes more than credit on stream ${this.#id}`)
  }

  /** The reader of a spliced stream grants this much more, and the peer may then send `most` bytes. */
  passOn(most: number): void {
    const credit = most - this.#open
    if (credit <= 0) return
    this.#open = most
    this.#carrier.sendWindow(this.#id, credit)
  }

  /** The reader took bytes. Sends credit once half of the window is due. */
  taken(bytes: number): void {
    this.#taken += bytes
    if (this.#taken < this.#size / 2) return
    const nowMs = performance.now()
    const quick = nowMs - this.#sentAtMs < this.#carrier.growthMs
    const growth = quick ? this.#carrier.takeGrowth(Math.min(this.#size, MAX_WINDOW - this.#size)) : 0
    const credit = this.#taken + growth
    this.#size += growth
    this.#open += credit
    this.#taken = 0
    this.#sentAtMs = nowMs
    this.#carrier.sendWindow(this.#id, credit)
  }
}
