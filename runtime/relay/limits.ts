import { DEFAULT_LIMITS, type Limits } from '../http/index.ts'
import type { UpgradeLimits } from '../process/upgrade.ts'
import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from '../tunnel/index.ts'

/** Every bound and every wait of the relay. */
export interface RelayLimits {
  readonly http: Limits
  readonly tunnel: TunnelLimits
  /** Connections to the tunnel's port: `accepted` are clusters' links, 256 by default. */
  readonly tunnelPort: UpgradeLimits
  /** From a cluster's connection to its `register`. Default: 5 s. */
  readonly registerMs: number
  /** Labels of one cluster; more are refused. Default: 20,000. */
  readonly labels: number
  /** How long a cluster that has gone keeps its labels. Default: 10 min. */
  readonly goneMs: number
  /** At stop: for clusters to hear of it. Default: 1 s. */
  readonly goodbyeMs: number
}

/** The defaults of {@link RelayLimits}. */
export const DEFAULT_RELAY_LIMITS: RelayLimits = {
  // The upstream is reached through a cluster, which tries several endpoints on its own.
  http: { ...DEFAULT_LIMITS, upstreamConnectMs: 8_000, drainMs: 20_000 },
  tunnel: DEFAULT_TUNNEL_LIMITS,
  tunnelPort: { accepted: 256, waiting: 256, waitingPerAddress: 64, headMs: 5_000, refusedMs: 1_000 },
  registerMs: 5_000,
  labels: 20_000,
  goneMs: 600_000,
  goodbyeMs: 1_000,
}
