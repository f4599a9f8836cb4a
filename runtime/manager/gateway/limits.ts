import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from '../../tunnel/index.ts'
import { DEFAULT_LINK_COUNT_LIMITS, type LinkCountLimits } from './link-count.ts'

/** Every limit and timeout of the gateway. */
export interface GatewayLimits extends LinkCountLimits {
  readonly tunnel: TunnelLimits
  /** How long to try to connect to one endpoint before the next one. Default: 2 s. */
  readonly connectMs: number
  /** How many endpoints to try for one stream. Default: 3. */
  readonly attempts: number
  /** How long a stream may be idle. Longer than at the relay and the sidecars, which report a reason. Default: 75 min. */
  readonly idleMs: number
  /** The minimum time between two log lines about streams whose target is not a preview's. Default: 10 s. */
  readonly forbiddenLogMs: number
  /** How long a stopping gateway waits for running streams to end. Default: 10 s. */
  readonly drainMs: number
}

/** The defaults of {@link GatewayLimits}. */
export const DEFAULT_GATEWAY_LIMITS: GatewayLimits = {
  ...DEFAULT_LINK_COUNT_LIMITS,
  tunnel: DEFAULT_TUNNEL_LIMITS,
  connectMs: 2_000,
  attempts: 3,
  idleMs: 4_500_000,
  forbiddenLogMs: 10_000,
  drainMs: 10_000,
}
