import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import { INITIAL_WINDOW, MAX_WINDOW } from '@branchline/wire/tunnel/limits'

/** Who gives credit away, and tells the peer. */
export interface CreditSource {
  readonly growthMs: number
  sendWindow(id: number, credit: number): void
  /** Takes up to `bytes` of the link's credit for larger windows; returns what it got. */
  takeGrowth(bytes: number): number
}

/**
 * The credit that a stream's peer has. What the reader takes is given back by halves of the window; a reader
 * that is quick gets a window twice as large, as long as the link has credit to give: so one stream fills a
 * long link, and many stalled ones cannot take from the others what each of them starts with.
 */
export class ReceiveWindow {
  readonly #carrier: CreditSource
  readonly #id: number
  #size = INITIAL_WINDOW
  /** What the peer may still send. */
  #open = INITIAL_WINDOW
  #untold = 0
  #toldAtMs = performance.now()

  constructor(carrier: CreditSource, id: number) {
    this.#carrier = carrier
    this.#id = id
  }

  /** What this window took of the link's credit. */
  get growth(): number {
    return this.#size - INITIAL_WINDOW
  }

  /** Throws where the peer had no credit for what it sent. */
  arrived(bytes: number): void {
    this.#open -= bytes
    if (this.#open >= 0) return
    throw new TunnelProtocolError('flow', `${-this.#open} octets more than credit on stream ${this.#id}`)
  }

  /** The reader took bytes: sends credit where half of the window is due. */
  taken(bytes: number): void {
    this.#untold += bytes
    if (this.#untold < this.#size / 2) return
    const nowMs = performance.now()
    const quick = nowMs - this.#toldAtMs < this.#carrier.growthMs
    const growth = quick ? this.#carrier.takeGrowth(Math.min(this.#size, MAX_WINDOW - this.#size)) : 0
    const credit = this.#untold + growth
    this.#size += growth
    this.#open += credit
    this.#untold = 0
    this.#toldAtMs = nowMs
    this.#carrier.sendWindow(this.#id, credit)
  }
}
