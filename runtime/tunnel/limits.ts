import { INITIAL_WINDOW, MAX_STREAMS } from '@branchline/wire/tunnel/limits'

/** Every bound and every wait of a link. */
export interface TunnelLimits {
  /** Streams that either side has open at a time. Default: 2,048, the protocol's most. */
  readonly streams: number
  /** Credit beyond the initial window that all streams of a link together may be granted. Default: 32 MiB. */
  readonly growthBytes: number
  /** A reader that takes half of its window within this time gets a larger one. Default: 200 ms. */
  readonly growthMs: number
  /** Octets given to the WebSocket and not yet taken by the system, before data waits. Default: 1 MiB. */
  readonly unsentBytes: number
  /** Octets of that kind at which a link ends: the peer reads nothing and asks for much. Default: 32 MiB. */
  readonly overflowBytes: number
  /** Octets that wait for credit in one stream, before it is reset: its writer ignores `write`'s answer. Default: 8 MiB. */
  readonly pendingBytes: number
  /** Between two pings. Default: 10 s. */
  readonly pingMs: number
  /** Without anything from the peer, once it was pinged: the link ends. Default: 10 s. */
  readonly pongMs: number
  /** From the dial to the open WebSocket. Default: 10 s. */
  readonly connectMs: number
  /** Waits between two tries to connect. Default: 100 ms, doubled up to 10 s. */
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
