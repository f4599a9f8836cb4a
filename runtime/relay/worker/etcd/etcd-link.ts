import { ETCD_KEYS, ETCD_TABLE_RANGE, type EtcdWorker } from '@branchline/wire/circuits/etcd'
import type { WorkerTable } from '@branchline/wire/circuits/table'
import type { WorkerFacts } from '@branchline/wire/circuits/worker'
import type { EtcdAddress } from '../../../etcd/address.ts'
import { EtcdClient } from '../../../etcd/client.ts'
import { KeptKey } from '../../../etcd/kept-key.ts'
import type { EtcdLimits } from '../../../etcd/limits.ts'
import { RangeWatch } from '../../../etcd/watch.ts'
import type { Logger } from '../../../process/log.ts'
import { factsOf } from '../facts.ts'
import type { WorkerOptions } from '../options.ts'
import { type EtcdTable, EtcdTableReader } from './etcd-table.ts'

/** The link of a worker's configuration. Undefined: etcd is not configured. */
export function openEtcd(
  { config, logger, version, adminPort }: WorkerOptions,
  listening: Parameters<typeof factsOf>[2],
  onTable: (table: EtcdTable) => void,
): EtcdLink | undefined {
  const { etcd: address, limits } = config
  const facts = (): WorkerFacts => factsOf(config, version, listening, adminPort)
  return address && new EtcdLink({ address, limits: limits.etcd, facts, logger, onTable })
}

export interface EtcdLinkOptions {
  readonly address: EtcdAddress
  readonly limits: EtcdLimits
  readonly facts: () => WorkerFacts
  readonly logger: Logger
  /** etcd has another table for this worker. */
  readonly onTable: (table: EtcdTable) => void
}

/** A worker's link to etcd: it follows its circuits, and keeps its own key. */
export class EtcdLink {
  readonly #options: EtcdLinkOptions
  readonly #client: EtcdClient
  readonly #watch: RangeWatch
  #kept: { readonly id: string; readonly key: KeptKey } | undefined
  /** The end of the key of an id before. */
  #ending: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(options: EtcdLinkOptions) {
    this.#options = options
    const { address, limits, facts, logger, onTable } = options
    this.#client = new EtcdClient({ ...address, limits })
    const { group, labels } = facts()
    const reader = new EtcdTableReader({ group, labels })
    const offer = (table: EtcdTable | undefined): void => {
      if (table !== undefined) onTable(table)
    }
    this.#watch = new RangeWatch({
      client: this.#client,
      range: ETCD_TABLE_RANGE,
      marker: { from: ETCD_KEYS.epoch, to: ETCD_TABLE_RANGE.to },
      logger,
      onSnapshot: (entries) => offer(reader.reset(entries)),
      onEvents: (events) => offer(reader.apply(events)),
    })
  }

  start(): void {
    this.#watch.start()
  }

  /** Keeps the key of the id that the coordinator has given this worker, if it is among these. */
  register(workers: WorkerTable['workers']): void {
    const { name, group, version, addresses } = this.#options.facts()
    const id = [...workers.values()].find((worker) => worker.name === name)?.id
    if (id === undefined || this.#isStopped || this.#kept?.id === id) return
    this.#ending = this.#unregister()
    const value = JSON.stringify({ name, group, version, addresses } satisfies EtcdWorker)
    const key = new KeptKey({
      client: this.#client,
      key: ETCD_KEYS.workers + id,
      value,
      logger: this.#options.logger,
    })
    this.#kept = { id, key }
    key.start()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all([this.#watch.stop(), this.#unregister(), this.#ending])
    this.#client.close()
  }

  async #unregister(): Promise<void> {
    await Promise.all([this.#ending, this.#kept?.key.stop()])
  }
}
