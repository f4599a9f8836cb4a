import { Bucket } from './bucket.ts'
import type { Http2Limits } from './limits.ts'

/** Largest DATA frame by default (RFC 9113, 4.2), in bytes as a power of two. */
const FRAME_BITS = 14

/**
 * Limits what costs a client nothing: PING and SETTINGS (CVE-2019-9512, CVE-2019-9515), and streams that it resets at
 * once (CVE-2023-44487). Each method returns why the connection ends, or undefined if it continues.
 */
export class Allowance {
  readonly #limits: Http2Limits
  readonly #controls: Bucket
  readonly #resets: Bucket
  readonly #refusals: Bucket
  /** PINGs that moving data pays for. */
  #free = 0
  #refusing = false

  constructor(limits: Http2Limits, nowMs: number) {
    this.#limits = limits
    this.#controls = new Bucket(limits.controlBurst, limits.controlsPerSecond, nowMs)
    this.#resets = new Bucket(limits.resetBurst, limits.resetsPerSecond, nowMs)
    this.#refusals = new Bucket(limits.resetBurst, limits.resetsPerSecond, nowMs)
  }

  /** HEADERS, or DATA of this many bytes, passed in either direction. */
  moved(bytes: number): void {
    const free = this.#free + 1 + (bytes >> FRAME_BITS)
    this.#free = free > this.#limits.controlBurst ? this.#limits.controlBurst : free
  }

  /**
   * A gRPC client pings about as often as data arrives, to measure its link. Such a PING is free, as it is with gRPC's
   * own servers (a PING after DATA or HEADERS is not a strike).
   */
  ping(nowMs: number): string | undefined {
    if (this.#free > 0) {
      this.#free--
      return undefined
    }
    return this.settings(nowMs)
  }

  settings(nowMs: number): string | undefined {
    if (this.#controls.take(nowMs)) return undefined
    const { controlBurst, controlsPerSecond } = this.#limits
    return (
      `too many PING and SETTINGS frames without DATA: more than controlBurst (${controlBurst}) at once ` +
      `or controlsPerSecond (${controlsPerSecond})`
    )
  }

  /** A stream was reset early. See {@link Http2Limits.resetBurst}. */
  earlyReset(nowMs: number): string | undefined {
    if (this.#resets.take(nowMs)) return undefined
    this.#refusing = true
    return this.refused(nowMs)
  }

  /** True if new streams are refused because too many were reset early. */
  refuses(nowMs: number): boolean {
    if (this.#refusing && this.#resets.take(nowMs)) this.#refusing = false
    return this.#refusing
  }

  /** A stream was refused for that reason. */
  refused(nowMs: number): string | undefined {
    if (this.#refusals.take(nowMs)) return undefined
    const { resetBurst, resetsPerSecond } = this.#limits
    return (
      `too many streams reset before their response: more than resetBurst (${resetBurst}) at once ` +
      `or resetsPerSecond (${resetsPerSecond})`
    )
  }
}
