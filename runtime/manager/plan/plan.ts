import type { ChangeMemo } from '@branchline/wire/routes/delta'
import type { ListenerRoutes, RouteTable } from '@branchline/wire/routes/messages'
import type { PlannedPreview } from '../gateway-view.ts'
import { allChanges, type Snapshot } from '../store/snapshot.ts'
import type { Forest } from './forest.ts'
import type { ServicePresence } from './presence.ts'
import { Planner } from './planner.ts'

/** The table of one sidecar, whatever its epoch. What has not changed is the very same object as before. */
export type SidecarTable = Omit<RouteTable, 'epoch'>

/** Whether a resource is in effect, as its Ready condition says it. */
export interface Verdict {
  readonly ready: boolean
  readonly reason: string
  readonly message: string
  readonly generation: number | undefined
}

/** Something of an environment that works otherwise than one may think, and what to do about it. */
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

/** When an environment's time ends. */
export interface Expiry {
  readonly endsAtMs: number
  readonly expired: boolean
  /** Why it stays once it has expired; undefined where the manager may delete it. */
  readonly heldBy: string | undefined
}

/** What is to be said of an Environment. */
export interface EnvironmentPlan {
  readonly verdict: Verdict
  readonly warnings: readonly Warning[]
  /** Undefined where it lives without end. */
  readonly expiry: Expiry | undefined
  readonly key: string | undefined
  /** The Services that a branch runs itself, sorted. */
  readonly overrides: readonly string[]
}

/** What is to be said of a Preview; `planned` where it is to be registered. */
export interface PreviewPlan {
  readonly verdict: Verdict
  readonly planned: PlannedPreview | undefined
}

/** What should be. Keys are `namespace/name`. */
export interface Plan {
  readonly forest: Forest
  /** By pod: a table for every sidecar; one outside of any environment has no listener and serves locally. */
  readonly tables: ReadonlyMap<string, SidecarTable>
  /** By Service, then by its port number. */
  readonly listeners: ReadonlyMap<string, ReadonlyMap<number, ListenerRoutes>>
  readonly presences: ReadonlyMap<string, ServicePresence>
  readonly environments: ReadonlyMap<string, EnvironmentPlan>
  readonly previews: ReadonlyMap<string, PreviewPlan>
}

/** What is different from the plan before. */
export interface PlanChange {
  /** By pod; undefined where the sidecar is new or gone. */
  readonly tables: ReadonlyMap<string, { before?: SidecarTable; after?: SidecarTable }>
  readonly environments: ReadonlySet<string>
  readonly previews: ReadonlySet<string>
  /** Differences of parts of tables that the planner knows already: nobody need compare those again. */
  readonly known: ChangeMemo
}

/** What should be, given what is: no clock, no chance, no memory. */
export function plan(snapshot: Snapshot): Plan {
  const planner = new Planner()
  planner.update(snapshot, allChanges(snapshot))
  return planner.plan
}
