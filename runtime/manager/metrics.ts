import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What the metrics ask for when they are read. */
export interface Observed {
  readonly epoch: () => number
  readonly sidecars: () => number
  readonly objects: () => Readonly<Record<string, number>>
}

/** The manager's metrics, in a registry of their own. */
export interface ManagerMetrics {
  readonly planSeconds: Histogram
  readonly ackSeconds: Histogram
  /** Labelled with a `reason`. */
  readonly refusals: Counter<'reason'>
  readonly droppedHops: Counter<'reason'>
  readonly forbiddenStreams: Counter
  /** Says once where the gauges read. */
  observe(observed: Observed): void
  /** All of them in Prometheus' text format. */
  read(): Promise<{ contentType: string; text: string }>
}

export function createMetrics(): ManagerMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  return {
    planSeconds: new Histogram({
      name: 'branchline_manager_plan_duration_seconds',
      help: 'How long it took to follow a change of the cluster with the plan.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    ackSeconds: new Histogram({
      name: 'branchline_manager_acknowledgement_seconds',
      help: 'From a table or a delta sent to a sidecar to its acknowledgement.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    }),
    refusals: new Counter({
      name: 'branchline_manager_sidecar_refusals_total',
      help:
        "Sidecars that were refused: for their token, for an address that is not their pod's, since their pod " +
        'is not known yet, since nobody could review the token, or since this replica does not serve.',
      labelNames: ['reason'],
      registers,
    }),
    droppedHops: new Counter({
      name: 'branchline_manager_dropped_hops_total',
      help: 'Reports of hops, and questions for them, that were dropped: beyond the share of a pod, or of another pod.',
      labelNames: ['reason'],
      registers,
    }),
    forbiddenStreams: new Counter({
      name: 'branchline_manager_forbidden_streams_total',
      help: 'Streams that the relay opened to a target that is not a preview’s. They were refused.',
      registers,
    }),
    observe: (observed) => gauges(observed, registers),
    read: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}

function gauges({ epoch, sidecars, objects }: Observed, registers: Registry[]): void {
  new Gauge({
    name: 'branchline_manager_epoch',
    help: 'The epoch of the newest plan.',
    registers,
    collect() {
      this.set(epoch())
    },
  })
  new Gauge({
    name: 'branchline_manager_sidecars_connected',
    help: 'The sidecars that are connected and have said hello.',
    registers,
    collect() {
      this.set(sidecars())
    },
  })
  new Gauge({
    name: 'branchline_manager_objects',
    help: 'The objects of the cluster that count, by kind.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [kind, count] of Object.entries(objects())) this.set({ kind }, count)
    },
  })
}
