import { INITIAL_WINDOW, MAX_STREAMS } from '@branchline/wire/tunnel/limits'

/** All limits of a link. */
export interface TunnelLimits {
  /** Most open streams of each side. Default: 2,048, the maximum of the protocol. */
  readonly streams: number
  /** Credit beyond the initial window that all streams of a link together may get. Default: 32 MiB. */
  readonly growthBytes: number
  /** A reader that takes half of its window within this time gets a larger one. Default: 200 ms. */
  readonly growthMs: number
  /** Bytes given to the WebSocket that the system has not taken, above which data waits. Default: 1 MiB. */
  readonly unsentBytes: number
  /** Bytes of that kind at which the link ends, because the peer requests much and reads nothing. Default: 32 MiB. */
  readonly overflowBytes: number
  /**
   * Bytes that wait for credit in one stream, above which it is reset, because its writer ignores the result of
   * `write`. Default: 8 MiB.
   */
  readonly pendingBytes: number
  /** Time between two pings. Default: 10 s. */
  readonly pingMs: number
  /** Longest time without anything from the peer after a ping. Then the link ends. Default: 10 s. */
  readonly pongMs: number
  /** Longest time from the dial to the open WebSocket. Default: 10 s. */
  readonly connectMs: number
  /** Waits between two attempts to connect. Default: 100 ms, doubled up to 10 s. */
  readonly backoff: { readonly firstMs: number; readonly maxMs: number }
}

/** The defaults of {@link TunnelLimits}. */
export const DEFAULT_TUNNEL_LIMITS: TunnelLimits = {
  streams: MAX_STREAMS,
  growthBytes: 512 * INITIAL_WINDOW,
  growthMs: 200,
  unsentBytes: 1024 * 1024,
  overflowBytes: 32 * 1024 * 1024,
  pendingBytes: 8 * 1024 * 1024,
  pingMs: 10_000,
  pongMs: 10_000,
  connectMs: 10_000,
  backoff: { firstMs: 100, maxMs: 10_000 },
}
