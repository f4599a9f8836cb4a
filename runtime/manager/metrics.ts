import { collectDefaultMetrics, Registry } from 'prom-client'
import {
  CONTENT_TYPE,
  Counts,
  exposition,
  Histogram,
  histogramExposition,
  only,
  type Scrape,
} from '../process/exposition.ts'
import type { DropReason } from './push/reports.ts'
import type { RefusalReason } from './push/server.ts'

/** The values that the gauges read. */
export interface Observed {
  readonly epoch: () => number
  readonly sidecars: () => number
  readonly objects: () => Readonly<Record<string, number>>
  readonly unreachedOverrides: () => number
}

const PLAN_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5]
const ACK_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/**
 * The manager's metrics, by Prometheus' conventions. Ours are in the one style of `process/exposition.ts`. prom-client adds
 * only those of the process and of Node.js: garbage collection and the event loop of two managers are worth its size,
 * and those of a sidecar in each pod are not.
 */
export class ManagerMetrics {
  readonly planSeconds = new Histogram(PLAN_BOUNDS)
  readonly ackSeconds = new Histogram(ACK_BOUNDS)
  readonly refusals = new Counts<RefusalReason>('reason')
  readonly droppedHops = new Counts<DropReason>('reason')
  #forbiddenStreams = 0
  #observed: Observed | undefined
  readonly #ofProcess = new Registry()

  constructor() {
    collectDefaultMetrics({ register: this.#ofProcess })
  }

  /** Counts a stream to a target that is not a preview's. */
  forbiddenStream(): void {
    this.#forbiddenStreams++
  }

  /** Registers the gauges, which read these values. Call it once. */
  observe(observed: Observed): void {
    this.#observed = observed
  }

  /** All metrics in Prometheus' text format. */
  async read(): Promise<Scrape> {
    return { contentType: CONTENT_TYPE, text: `${await this.#ofProcess.metrics()}\n${this.#own()}` }
  }

  #own(): string {
    return [
      histogramExposition(
        'branchline_manager_plan_duration_seconds',
        'Time to update the plan after a change of the cluster.',
        only(this.planSeconds),
      ),
      histogramExposition(
        'branchline_manager_acknowledgement_seconds',
        'Time from sending a table or a delta to a sidecar until its acknowledgement.',
        only(this.ackSeconds),
      ),
      exposition(
        'branchline_manager_sidecar_refusals_total',
        'counter',
        "Sidecars that were refused: because of their token, because their address is not their pod's, because their " +
          'pod is not known yet, because the token could not be reviewed, or because this replica does not serve.',
        this.refusals.samples(),
      ),
      exposition(
        'branchline_manager_dropped_hops_total',
        'counter',
        'Reports of sidecars, and queries of hops, that were dropped, because a pod exceeded its share or reported for ' +
          'another pod.',
        this.droppedHops.samples(),
      ),
      exposition(
        'branchline_manager_forbidden_streams_total',
        'counter',
        'Streams that were refused because the relay opened them to a target that is not a preview’s.',
        only(this.#forbiddenStreams),
      ),
      ...(this.#observed === undefined ? [] : gauges(this.#observed)),
    ].join('')
  }
}

const gauges = ({ epoch, sidecars, objects, unreachedOverrides }: Observed): string[] => [
  exposition('branchline_manager_epoch', 'gauge', 'The epoch of the newest plan.', only(epoch())),
  exposition(
    'branchline_manager_sidecars_connected',
    'gauge',
    'Sidecars that are connected and have sent hello.',
    only(sidecars()),
  ),
  exposition(
    'branchline_manager_objects',
    'gauge',
    'Objects of the cluster that the manager uses, by kind.',
    Object.entries(objects()).map(([kind, count]) => [{ kind }, count] as const),
  ),
  exposition(
    'branchline_manager_unreached_overrides',
    'gauge',
    'Overrides that requests do not reach, because a service loses the key (condition OverrideUnreached).',
    only(unreachedOverrides()),
  ),
]
