import { FARTHEST_WAIT_MS } from '@branchline/wire/settings/table'
import { DEFAULT_LIMITS, type Limits } from '../http1/index.ts'
import type { UpgradeLimits } from '../process/upgrade.ts'
import type { SettingParts } from '../process/settings.ts'
import { DEFAULT_UNREAD_LIMITS, type UnreadLimits } from '../transport/unread-bytes.ts'
import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from '../tunnel/index.ts'
import type { HoldLimits } from './worker/visitors/hold.ts'

/** Every bound and every wait of the relay. */
export interface RelayLimits {
  readonly http: Limits
  readonly tunnel: TunnelLimits
  /**
   * Visitors' connections of one address (IPv6: of one /64); more are closed at once. Fronts are not bounded; 0: nor
   * is anybody. Default: 1,000.
   */
  readonly connectionsPerAddress: number
  /**
   * Visitors' requests of one address that run in clusters at a time, upgraded connections included; more get 503.
   * Fronts are not bounded; 0: nor is anybody. Default: 256.
   */
  readonly requestsPerAddress: number
  /** The same of one preview, so that it cannot take all streams of a tunnel (2,048). 0: no bound. Default: 1,024. */
  readonly requestsPerPreview: number
  readonly unread: UnreadLimits
  /** Connections to the tunnel's port: `accepted` are clusters' links, 256 by default. */
  readonly tunnelPort: UpgradeLimits
  /** From a cluster's connection to its `register`. Default: 5 s. */
  readonly registerMs: number
  /** Labels of one cluster; more are refused. Default: 20,000. */
  readonly labels: number
  /** Labels of all clusters of one credential; more are refused. Default: 50,000. */
  readonly credentialLabels: number
  /** Clusters of one credential, connected or remembered; one more closes with 4007. Default: 100. */
  readonly clusters: number
  /**
   * Connections of all clusters of one credential, registered or not; one more is refused with 503, so that one
   * tenant cannot take all that `tunnelPort.accepted` allows. Default: 128.
   */
  readonly credentialLinks: number
  /** Connections of one cluster at a time; one more closes with 4007. Default: 32. */
  readonly clusterLinks: number
  /** How long a cluster that has gone keeps its labels. Default: 10 min. */
  readonly goneMs: number
  /**
   * From the relay's start: while clusters have this time to return, hosts without a cluster get 503 with
   * Retry-After instead of 404 or 502. It ends early once all clusters of the state file are back. Default: 15 s.
   */
  readonly returnMs: number
  readonly hold: HoldLimits
  /** Between two writes of the state file. Default: 250 ms. */
  readonly stateMs: number
  /** After a write of the state file that failed, until the next try. Default: 5 s. */
  readonly stateRetryMs: number
  /** A larger state file is not read: the relay does not start. Default: 64 MiB. */
  readonly stateBytes: number
  /** At stop: for clusters to hear of it. Default: 1 s. */
  readonly goodbyeMs: number
}

/**
 * What the relay adds to a request: eight fields (head-edits.ts), Via and the question for its way, with the key, the
 * host (twice) and the address in them. Its own limits leave that much room, so that no sidecar behind it refuses
 * what it has accepted.
 */
export const ADDED = { fields: 10, bytes: 4 * 1024 } as const

/** The defaults of {@link RelayLimits}. */
export const DEFAULT_RELAY_LIMITS: RelayLimits = {
  // The upstream is reached through a cluster, which tries several endpoints on its own.
  http: {
    ...DEFAULT_LIMITS,
    headBytes: DEFAULT_LIMITS.headBytes - ADDED.bytes,
    headerCount: DEFAULT_LIMITS.headerCount - ADDED.fields,
    upstreamConnectMs: 8_000,
    // The sidecar of the app that answers decides, and says why.
    upstreamResponseMs: FARTHEST_WAIT_MS,
    responseProgressMs: FARTHEST_WAIT_MS,
    // A workload may let its sidecar take more than by default.
    responseHeadBytes: 128 * 1024,
    responseHeaderCount: 512,
    // Behind a tunnel, a stale connection shows itself one round trip through the Internet later.
    poolStaleMs: 1_000,
    // Visitors are browsers: one that ends its connection has left, and must not hold a stream of its cluster's.
    halfCloseMs: 0,
    // Streams that wait in the pool are taken from those that requests may have.
    poolSize: 128,
    poolTotal: 512,
    drainMs: 20_000,
  },
  tunnel: DEFAULT_TUNNEL_LIMITS,
  connectionsPerAddress: 1_000,
  requestsPerAddress: 256,
  requestsPerPreview: 1_024,
  tunnelPort: { accepted: 256, waiting: 256, waitingPerAddress: 64, headMs: 5_000, refusedMs: 1_000 },
  unread: DEFAULT_UNREAD_LIMITS,
  registerMs: 5_000,
  labels: 20_000,
  credentialLabels: 50_000,
  clusters: 100,
  credentialLinks: 128,
  // Two replicas of four links each, twice: while a rolling update replaces them.
  clusterLinks: 32,
  goneMs: 600_000,
  // Managers try again within 10 s (the tunnel's backoff).
  returnMs: 15_000,
  // A manager that is the only one is back within a second on a laptop.
  hold: { holdMs: 5_000, held: 1_000 },
  stateMs: 250,
  stateRetryMs: 5_000,
  stateBytes: 64 * 1024 * 1024,
  goodbyeMs: 1_000,
}

/**
 * The limits with what is set of them. To let people set a field, add a line to the table of settings
 * (`runtime/wire/settings/table.ts`) that names it, e.g. `http.headBytes`, or `relay.labels` for one of the relay's own.
 */
export function withSettings(
  limits: RelayLimits,
  { relay, http, tunnel, tunnelPort, hold, unread }: SettingParts,
): RelayLimits {
  return {
    ...limits,
    ...relay,
    http: { ...limits.http, ...http },
    tunnel: { ...limits.tunnel, ...tunnel },
    tunnelPort: { ...limits.tunnelPort, ...tunnelPort },
    hold: { ...limits.hold, ...hold },
    unread: { ...limits.unread, ...unread },
  }
}
