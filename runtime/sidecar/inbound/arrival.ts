import type { Hop } from '@branchline/wire/explain'
import type { Inbound } from '@branchline/wire/inbound'
import type { ResponseWaits } from '../../proxy/decision.ts'
import type { Upstream } from '../../transport/transport.ts'
import type { AccessLog } from '../telemetry/access-log.ts'
import type { Balancer } from '../route/balance.ts'
import type { Holds } from '../route/hold.ts'
import type { AddedId } from '../route/id-edits.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Outages } from '../route/outage.ts'
import type { RareLog } from '../../process/rare-log.ts'
import type { Routes } from '../table/table.ts'
import type { Tracer } from '../telemetry/tracing.ts'

/** What all listeners of a sidecar share. */
export interface Surroundings {
  /** The table of the moment; undefined before the first. */
  readonly routes: () => Routes | undefined
  readonly balancer: Balancer
  readonly outages: Outages
  readonly holds: Holds
  readonly metrics: Metrics
  readonly accessLog: AccessLog
  readonly refusals: RareLog
  /** Undefined where no traces are wanted. */
  readonly tracer: Tracer | undefined
  /** Undefined where nobody may ask for a request's way. */
  readonly explain: Explain | undefined
  /** The configured header that carries a key, in lower case. */
  readonly keyHeader: string | undefined
  /** The id headers that the apps of this pod are given. */
  readonly addedIds: readonly AddedId[]
  /**
   * How long another sidecar's response may take: longer than that of an app, since the sidecar of the app that
   * answers decides by its workload's settings, and says why. Undefined: as an app's.
   */
  readonly hopWaits: ResponseWaits | undefined
}

/** Where hops are reported, and asked for. */
export interface Explain {
  report(traceId: string, hop: Hop): void
  /** The hops of a trace, as far as they are known; undefined where nobody can be asked. */
  hops(traceId: string): Promise<readonly Hop[] | undefined>
}

/** Through which listener a connection came, and the app for which that stands. */
export interface Arrival {
  readonly inbound: Inbound
  readonly app: Upstream
}
