import type { Loaded } from '../workers/load.ts'
import { CircuitWriter, type CircuitWriterOptions } from './circuit-writer.ts'
import { WorkerLeases } from './worker-leases.ts'

export interface EtcdLeadingOptions extends CircuitWriterOptions {
  /** A worker's lease has begun or ended. */
  readonly onLeases: () => void
}

/** What the coordinator that leads does with etcd: it writes circuits, and follows the leases of workers. */
export class EtcdLeading {
  readonly #writer: CircuitWriter
  readonly #leases: WorkerLeases

  constructor(options: EtcdLeadingOptions) {
    const { client, logger, onLeases } = options
    this.#writer = new CircuitWriter(options)
    this.#leases = new WorkerLeases({ client, logger, onChange: onLeases })
  }

  /** Circuits have changed, up to an epoch. */
  changed(epoch: number, loaded: Pick<Loaded, 'full' | 'circuits'>): void {
    this.#writer.changed(epoch, loaded)
  }

  /** Whether a worker keeps a lease. */
  isAlive(worker: string): boolean {
    return this.#leases.has(worker)
  }

  async stop(): Promise<void> {
    await Promise.all([this.#writer.stop(), this.#leases.stop()])
  }
}
