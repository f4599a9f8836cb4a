import type { Hop } from '@branchline/wire/explain'
import type { Inbound } from '@branchline/wire/inbound'
import type { KnownPath } from '@branchline/wire/routes/traffic'
import type { ResponseWaits } from '../../proxy/decision.ts'
import type { Upstream } from '../../transport/transport.ts'
import type { AccessLog } from '../telemetry/access-log.ts'
import type { Balancer } from '../route/balance.ts'
import type { Holds } from '../route/hold.ts'
import type { Entry } from './entry.ts'
import type { AddedId } from '../route/id-edits.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Outages } from '../route/outage.ts'
import type { Recorder } from '../../propagation/recorder.ts'
import type { RareLog } from '../../process/rare-log.ts'
import type { Routes } from '../table/table.ts'
import type { Tracer } from '../telemetry/tracing.ts'

/** What all listeners of a sidecar share. */
export interface SidecarContext {
  /** The current table. Undefined before the first. */
  readonly routes: () => Routes | undefined
  readonly balancer: Balancer
  readonly outages: Outages
  readonly holds: Holds
  readonly metrics: Metrics
  /** Counts requests by key and caller, for the manager. */
  readonly recorder: Recorder
  readonly accessLog: AccessLog
  readonly refusals: RareLog
  /** Undefined if spans are not wanted. */
  readonly tracer: Tracer | undefined
  /** Undefined if requests may not ask for their path. */
  readonly explain: Explain | undefined
  /** The configured header that carries a key, in lower case. */
  readonly keyHeader: string | undefined
  /** Undefined if visitors do not come through an ingress. */
  readonly entry: Entry | undefined
  /** The id headers to add for the apps of this pod. */
  readonly addedIds: readonly AddedId[]
  /**
   * How long another sidecar's response may take. Longer than an app's, because the sidecar next to the responding
   * app applies that workload's settings and reports the reason. Undefined: the same as for an app.
   */
  readonly hopWaits: ResponseWaits | undefined
}

/** Reports and queries hops. */
export interface Explain {
  report(traceId: string, hop: Hop): void
  /** What is known of a trace. Undefined if the manager cannot be queried. */
  hops(traceId: string): Promise<KnownPath | undefined>
}

/** The listener that accepted a connection, and the app behind it. */
export interface EntryPort {
  readonly inbound: Inbound
  readonly app: Upstream
}
