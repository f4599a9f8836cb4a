import { FARTHEST_WAIT_MS } from '@branchline/wire/settings/table'
import { DEFAULT_ETCD_LIMITS, type EtcdLimits } from '../etcd/limits.ts'
import { DEFAULT_LIMITS, type Limits } from '../http1/index.ts'
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from '../http2/index.ts'
import type { UpgradeLimits } from '../process/upgrade.ts'
import type { SettingParts } from '../process/settings.ts'
import { DEFAULT_UNREAD_LIMITS, type UnreadLimits } from '../transport/unread-bytes.ts'
import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from '../tunnel/index.ts'
import { DEFAULT_FRONTEND_LIMITS, type FrontendLimits } from './worker/frontends/limits.ts'
import { DEFAULT_UPSTREAM_LIMITS, type UpstreamLimits } from './worker/upstream/limits.ts'
import type { HoldLimits } from './worker/visitors/hold.ts'

/** Every limit and timeout of the relay. */
export interface RelayLimits {
  readonly http: Limits
  /** Those of HTTP/2. `connections` of `http` counts connections of both versions. */
  readonly http2: Http2Limits
  readonly frontend: FrontendLimits
  readonly tunnel: TunnelLimits
  /**
   * The maximum visitors' connections of one address (IPv6: of one /64). More are closed at once. Does not apply to
   * fronts. 0: no limit. Default: 1,000.
   */
  readonly connectionsPerAddress: number
  /**
   * The maximum running requests of one address, including upgraded connections. More get 503. Does not apply to fronts.
   * 0: no limit. Default: 256.
   */
  readonly requestsPerAddress: number
  /** The same of one preview, so that it cannot use all streams of a tunnel (2,048). 0: no limit. Default: 1,024. */
  readonly requestsPerPreview: number
  /** The most circuits with metrics of their own. Further ones are counted as `other`. 0: none. Default: 100. */
  readonly circuitSeries: number
  readonly unread: UnreadLimits
  /** Connections to the tunnel's port. `accepted` limits clusters' links, 256 by default. */
  readonly tunnelPort: UpgradeLimits
  /** How long a connected cluster may take to send `register`. Default: 5 s. */
  readonly registerMs: number
  /** The maximum labels of one cluster. More are refused. Default: 20,000. */
  readonly labels: number
  /** The maximum labels of all clusters of one credential. More are refused. Default: 50,000. */
  readonly credentialLabels: number
  /** The maximum clusters of one credential, connected or remembered. A further one is closed with 4007. Default: 100. */
  readonly clusters: number
  /**
   * The maximum connections of all clusters of one credential, registered or not. A further one is refused with 503, so
   * that one tenant cannot use up `tunnelPort.accepted`. Default: 128.
   */
  readonly credentialLinks: number
  /** The maximum connections of one cluster. A further one is closed with 4007. Default: 32. */
  readonly clusterLinks: number
  /** How long a disconnected cluster keeps its labels. Default: 10 min. */
  readonly goneMs: number
  /**
   * How long after the relay's start clusters have to return. Until then, hosts without a cluster get 503 with
   * Retry-After instead of 404 or 502. It ends early once all clusters to which labels belong are back. Default: 15 s.
   */
  readonly returnMs: number
  readonly hold: HoldLimits
  /**
   * How long a new connection of a cluster waits for the decision about its labels before it is confirmed without them.
   * Default: 1 s.
   */
  readonly resultMs: number
  /** How long the start of a worker waits for its first table. Default: 5 s. */
  readonly firstTableMs: number
  /** The connection to the coordinator. */
  readonly upstream: UpstreamLimits
  /** A worker's link to etcd. */
  readonly etcd: EtcdLimits
  /** How often a worker that operators drain looks whether its connections have ended. Default: 200 ms. */
  readonly drainLookMs: number
  /** How long a stopping relay waits for clusters to close their connections. Default: 1 s. */
  readonly goodbyeMs: number
}

/**
 * What the relay adds to a request: eight fields (head-edits.ts), Via and the explain field. They contain the key, the
 * host (twice) and the address. The relay's own limits leave this much room, so that no sidecar refuses what the relay
 * has accepted.
 */
const ADDED = { fields: 10, bytes: 4 * 1024 } as const

/** The defaults of {@link RelayLimits}. */
export const DEFAULT_RELAY_LIMITS: RelayLimits = {
  // The cluster in between tries several endpoints.
  http: {
    ...DEFAULT_LIMITS,
    headBytes: DEFAULT_LIMITS.headBytes - ADDED.bytes,
    headerCount: DEFAULT_LIMITS.headerCount - ADDED.fields,
    upstreamConnectMs: 8_000,
    // The sidecar next to the app applies the timeout and reports the reason.
    upstreamResponseMs: FARTHEST_WAIT_MS,
    responseProgressMs: FARTHEST_WAIT_MS,
    // A workload may let its sidecar accept more than the default.
    responseHeadBytes: 128 * 1024,
    responseHeaderCount: 512,
    // Visitors are browsers: one that ends its direction has left, and must not keep a stream of its cluster.
    halfCloseMs: 0,
    // Idle streams in the pool count towards the streams that requests may use.
    poolSize: 128,
    poolTotal: 512,
    drainMs: 20_000,
  },
  http2: {
    ...DEFAULT_HTTP2_LIMITS,
    headBytes: DEFAULT_HTTP2_LIMITS.headBytes - ADDED.bytes,
    headerCount: DEFAULT_HTTP2_LIMITS.headerCount - ADDED.fields,
    responseHeadBytes: 128 * 1024,
    responseHeaderCount: 512,
    upstreamConnectMs: 8_000,
    upstreamResponseMs: FARTHEST_WAIT_MS,
    responseProgressMs: FARTHEST_WAIT_MS,
    callIdleMs: FARTHEST_WAIT_MS,
    drainMs: 20_000,
  },
  frontend: DEFAULT_FRONTEND_LIMITS,
  tunnel: DEFAULT_TUNNEL_LIMITS,
  connectionsPerAddress: 1_000,
  requestsPerAddress: 256,
  requestsPerPreview: 1_024,
  circuitSeries: 100,
  tunnelPort: { accepted: 256, waiting: 256, waitingPerAddress: 64, headMs: 5_000, refusedMs: 1_000 },
  unread: DEFAULT_UNREAD_LIMITS,
  registerMs: 5_000,
  labels: 20_000,
  credentialLabels: 50_000,
  clusters: 100,
  credentialLinks: 128,
  // Two replicas of four links each, and twice that while a rolling update replaces them.
  clusterLinks: 32,
  goneMs: 600_000,
  // Managers reconnect within 10 s (the tunnel's backoff).
  returnMs: 15_000,
  // A single manager is back within a second on a laptop.
  hold: { holdMs: 5_000, held: 1_000 },
  resultMs: 1_000,
  firstTableMs: 5_000,
  upstream: DEFAULT_UPSTREAM_LIMITS,
  etcd: DEFAULT_ETCD_LIMITS,
  drainLookMs: 200,
  goodbyeMs: 1_000,
}

/**
 * The limits with the configured settings. To make a field a setting, add a line to the table of settings
 * (`runtime/wire/settings/table.ts`) that names it, such as `http.headBytes`, or `relay.labels` for one of the relay's own.
 */
export function withSettings(
  limits: RelayLimits,
  { relay, http, http2, frontend, tunnel, tunnelPort, hold, unread }: SettingParts,
): RelayLimits {
  return {
    ...limits,
    ...relay,
    http: { ...limits.http, ...http },
    http2: { ...limits.http2, ...http2 },
    frontend: { ...limits.frontend, ...frontend },
    tunnel: { ...limits.tunnel, ...tunnel },
    tunnelPort: { ...limits.tunnelPort, ...tunnelPort },
    hold: { ...limits.hold, ...hold },
    unread: { ...limits.unread, ...unread },
  }
}
