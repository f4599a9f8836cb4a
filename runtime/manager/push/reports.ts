import type { Hop } from '@branchline/wire/explain'
import type { Logger } from '../../process/log.ts'
import type { SidecarTable } from '../plan/plan.ts'
import { Hops, type PodHop } from './hops.ts'
import type { PushLimits } from './limits.ts'

/** Why a sidecar's report or query was dropped: it has used up its share, or it reported for another pod. */
export type DropReason = 'rate' | 'foreign'

export interface ReportsOptions {
  readonly limits: Pick<PushLimits, 'hopsPerSecond' | 'hopQueriesPerSecond' | 'maxConnections'>
  readonly logger: Logger
  readonly tableOf: (pod: string) => SidecarTable | undefined
  readonly onDropped?: ((reason: DropReason) => void) | undefined
}

/** What one pod has sent within the current second. */
interface Share {
  sinceMs: number
  hops: number
  queries: number
  traffic: number
  /** Whether a drop of the pod has been logged in this second. */
  logged: boolean
}

const SECOND_MS = 1000
/** A sidecar reports its traffic every second. */
const MAX_TRAFFIC_PER_SECOND = 3

/**
 * The hops that sidecars report and query, and their reports of traffic. Each pod has a share of all, which a new connection does not renew. A
 * report is accepted only if it is about the pod itself: its environment, and one of its services.
 */
export class Reports {
  readonly #options: ReportsOptions
  readonly #hops = new Hops()
  readonly #shares = new Map<string, Share>()

  constructor(options: ReportsOptions) {
    this.#options = options
  }

  add(pod: string, trace: string, hop: Hop): void {
    const share = this.#shareOf(pod)
    if (++share.hops > this.#options.limits.hopsPerSecond) this.#drop(pod, share, 'rate')
    else if (!isOwnHop(this.#options.tableOf(pod), hop)) this.#drop(pod, share, 'foreign')
    else this.#hops.add(pod, trace, hop)
  }

  /** The hops of a trace. Undefined if the pod has queried too often. */
  of(pod: string, trace: string): PodHop[] | undefined {
    const share = this.#shareOf(pod)
    if (++share.queries <= this.#options.limits.hopQueriesPerSecond) return this.#hops.of(trace)
    this.#drop(pod, share, 'rate')
    return undefined
  }

  /** Whether a report of traffic is within the pod's share. */
  takesTraffic(pod: string): boolean {
    const share = this.#shareOf(pod)
    if (++share.traffic <= MAX_TRAFFIC_PER_SECOND) return true
    this.#drop(pod, share, 'rate')
    return false
  }

  #shareOf(pod: string): Share {
    const now = performance.now()
    const known = this.#shares.get(pod)
    if (known !== undefined && now - known.sinceMs < SECOND_MS) return known
    const share: Share = { sinceMs: now, hops: 0, queries: 0, traffic: 0, logged: false }
    this.#shares.delete(pod)
    this.#shares.set(pod, share)
    // The oldest share, whose second has passed.
    if (this.#shares.size > this.#options.limits.maxConnections) {
      this.#shares.delete(this.#shares.keys().next().value as string)
    }
    return share
  }

  #drop(pod: string, share: Share, reason: DropReason): void {
    this.#options.onDropped?.(reason)
    if (share.logged) return
    share.logged = true
    this.#options.logger.warn({ pod, reason }, 'dropped a report of a sidecar')
  }
}

/** Whether a hop belongs to the pod of this table. */
function isOwnHop(table: SidecarTable | undefined, { at, service }: Hop): boolean {
  if (table === undefined || at !== (table.environment || 'unknown')) return false
  // For a port that the table does not know, the hop names the port instead of a service.
  return /^port \d+$/.test(service) || Object.values(table.listeners).some((it) => it.service === service)
}
