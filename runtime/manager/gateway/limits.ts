import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from '../../tunnel/index.ts'
import { DEFAULT_LINK_COUNT_LIMITS, type LinkCountLimits } from './link-count.ts'

/** Every bound and every wait of the gateway. */
export interface GatewayLimits extends LinkCountLimits {
  readonly tunnel: TunnelLimits
  /** To reach one endpoint; the next one is tried then. Default: 2 s. */
  readonly connectMs: number
  /** Endpoints tried for one stream. Default: 3. */
  readonly attempts: number
  /** A stream without a byte either way. Longer than relay and sidecars wait, which say why. Default: 75 min. */
  readonly idleMs: number
  /** Between two lines in the log about streams whose target is not a preview's. Default: 10 s. */
  readonly forbiddenLogMs: number
  /** At stop: for running streams to end. Default: 10 s. */
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
