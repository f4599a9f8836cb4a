import type { Hop } from '@branchline/wire/explain'
import type { Logger } from '../../process/log.ts'
import type { SidecarTable } from '../plan/plan.ts'
import { Hops } from './hops.ts'
import type { PushLimits } from './limits.ts'

/** Why a report or a question of a sidecar was dropped: it has used up its share, or spoke for another pod. */
export type DropReason = 'rate' | 'foreign'

export interface ReportsOptions {
  readonly limits: Pick<PushLimits, 'hopsPerSecond' | 'hopQuestionsPerSecond' | 'maxConnections'>
  readonly logger: Logger
  readonly tableOf: (pod: string) => SidecarTable | undefined
  readonly onDropped?: ((reason: DropReason) => void) | undefined
}

/** What one pod has sent within a second. */
interface Share {
  sinceMs: number
  hops: number
  questions: number
  /** Whether the log has named it in this second. */
  named: boolean
}

const SECOND_MS = 1000

/**
 * The hops that sidecars report and ask for. Each pod has its share of both, which a new connection does not renew,
 * and a report counts only where it speaks of the pod itself: its environment, and one of its services.
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
    else if (!speaksOf(this.#options.tableOf(pod), hop)) this.#drop(pod, share, 'foreign')
    else this.#hops.add(pod, trace, hop)
  }

  /** The hops of a trace; undefined where the pod has asked too often. */
  of(pod: string, trace: string): Hop[] | undefined {
    const share = this.#shareOf(pod)
    if (++share.questions <= this.#options.limits.hopQuestionsPerSecond) return this.#hops.of(trace)
    this.#drop(pod, share, 'rate')
    return undefined
  }

  #shareOf(pod: string): Share {
    const now = performance.now()
    const known = this.#shares.get(pod)
    if (known !== undefined && now - known.sinceMs < SECOND_MS) return known
    const share: Share = { sinceMs: now, hops: 0, questions: 0, named: false }
    this.#shares.delete(pod)
    this.#shares.set(pod, share)
    // The oldest one, which is over.
    if (this.#shares.size > this.#options.limits.maxConnections) {
      this.#shares.delete(this.#shares.keys().next().value as string)
    }
    return share
  }

  #drop(pod: string, share: Share, reason: DropReason): void {
    this.#options.onDropped?.(reason)
    if (share.named) return
    share.named = true
    this.#options.logger.warn({ pod, reason }, 'a hop of a sidecar was dropped')
  }
}

/** Whether a hop is one of the pod of this table. */
function speaksOf(table: SidecarTable | undefined, { at, service }: Hop): boolean {
  if (table === undefined || at !== (table.environment || 'unknown')) return false
  // A port that the table does not know has no service.
  return /^port \d+$/.test(service) || Object.values(table.listeners).some((it) => it.service === service)
}
