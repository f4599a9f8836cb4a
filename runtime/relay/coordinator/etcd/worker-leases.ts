import { ETCD_KEYS } from '@branchline/wire/circuits/etcd'
import type { EtcdClient } from '../../../etcd/client.ts'
import { prefixOf } from '../../../etcd/range.ts'
import { RangeWatch } from '../../../etcd/watch.ts'
import type { Logger } from '../../../process/log.ts'

export interface WorkerLeasesOptions {
  readonly client: EtcdClient
  readonly logger: Logger
  /** A lease has begun or ended, or etcd has. */
  readonly onChange: () => void
}

/** Which workers keep a lease in etcd: a sign of life of those that do not reach the coordinator. */
export class WorkerLeases {
  readonly #ids = new Set<string>()
  readonly #watch: RangeWatch
  #isCurrent = false

  constructor({ client, logger, onChange }: WorkerLeasesOptions) {
    const current = (isCurrent: boolean): void => {
      if (this.#isCurrent === isCurrent) return
      this.#isCurrent = isCurrent
      onChange()
    }
    this.#watch = new RangeWatch({
      client,
      range: prefixOf(ETCD_KEYS.workers),
      logger,
      onSnapshot: (entries) => {
        this.#ids.clear()
        for (const { key } of entries) this.#ids.add(idOf(key))
        onChange()
      },
      onEvents: (events) => {
        for (const { key, entry } of events) {
          if (entry === undefined) this.#ids.delete(idOf(key))
          else this.#ids.add(idOf(key))
        }
        onChange()
      },
      onUp: () => current(true),
      onDown: () => current(false),
    })
    this.#watch.start()
  }

  /** Whether a worker keeps a lease. False while etcd does not respond. */
  has(worker: string): boolean {
    return this.#isCurrent && this.#ids.has(worker)
  }

  stop(): Promise<void> {
    return this.#watch.stop()
  }
}

const idOf = (key: string): string => key.slice(ETCD_KEYS.workers.length)
