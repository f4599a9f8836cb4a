import type { ChangeMemo } from '@branchline/wire/routes/delta'
import type { ListenerRoutes, RouteTable } from '@branchline/wire/routes/messages'
import type { PlannedPreview } from '../gateway-view.ts'
import type { Forest } from './forest.ts'
import type { ServicePresence } from './presence.ts'

/** The table of one sidecar, without its epoch. Unchanged parts are the same objects as before. */
export type SidecarTable = Omit<RouteTable, 'epoch'>

/** Whether a resource is in effect, for its Ready condition. */
export interface Verdict {
  readonly ready: boolean
  readonly reason: string
  readonly message: string
  readonly generation: number | undefined
}

/** Something in an environment that works differently from what users may expect, and its remedy. */
export interface Warning {
  readonly reason: WarningReason
  readonly message: string
}
export type WarningReason =
  | 'SearchListIncomplete'
  | 'HeadlessService'
  | 'HostNetwork'
  | 'PastSidecar'
  | 'NotTcp'
  | 'PortMissing'
  | 'WeightInvalid'

/** When an environment expires, and what then happens. */
export interface Expiry {
  readonly endsAtMs: number
  readonly expired: boolean
  /** Why it stays after it has expired. Undefined if the manager may delete it. */
  readonly heldBy: string | undefined
}

/** The planned facts of an Environment's status. */
export interface EnvironmentPlan {
  readonly verdict: Verdict
  readonly warnings: readonly Warning[]
  /** Undefined if it never expires. */
  readonly expiry: Expiry | undefined
  readonly key: string | undefined
  /** The Services that a branch runs itself, sorted. */
  readonly overrides: readonly string[]
}

/** The planned facts of a Preview's status. `planned` is set if the preview is to be registered. */
export interface PreviewPlan {
  readonly verdict: Verdict
  readonly planned: PlannedPreview | undefined
}

/** The desired state. Keys are `namespace/name`. */
export interface Plan {
  readonly forest: Forest
  /** By pod: a table for every sidecar. A sidecar outside any environment has no listener and serves locally. */
  readonly tables: ReadonlyMap<string, SidecarTable>
  /** By Service, then by its port number. */
  readonly listeners: ReadonlyMap<string, ReadonlyMap<number, ListenerRoutes>>
  readonly presences: ReadonlyMap<string, ServicePresence>
  readonly environments: ReadonlyMap<string, EnvironmentPlan>
  readonly previews: ReadonlyMap<string, PreviewPlan>
}

/** The differences from the previous plan. */
export interface PlanChange {
  /** By pod. Undefined if the sidecar is new or gone. */
  readonly tables: ReadonlyMap<string, { before?: SidecarTable; after?: SidecarTable }>
  readonly environments: ReadonlySet<string>
  readonly previews: ReadonlySet<string>
  /** Differences of parts of tables that the planner already knows, so that they need not be compared again. */
  readonly known: ChangeMemo
}
