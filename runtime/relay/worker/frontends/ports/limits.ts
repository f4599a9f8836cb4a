import type { BackoffLimits } from '../../../../process/backoff.ts'

/** Limits of the ports of circuits. */
export interface PortLimits {
  /** How long the connections of a removed or draining circuit may go on. Default: 30 s. */
  readonly drainMs: number
  /** Waits between attempts to open a port that is in use. Default: 250 ms to 30 s. */
  readonly bind: BackoffLimits
}

export const DEFAULT_PORT_LIMITS: PortLimits = {
  drainMs: 30_000,
  bind: { firstMs: 250, maxMs: 30_000 },
}
