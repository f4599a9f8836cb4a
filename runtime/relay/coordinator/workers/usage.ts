import { sql } from 'kysely'
import type { WorkerReport } from '@branchline/wire/circuits/messages'
import type { Load } from '@branchline/wire/circuits/worker'
import type { Logger } from '../../../process/log.ts'
import type { Store } from '../store/store.ts'

export interface UsageOptions {
  readonly store: Store
  readonly logger: Logger
  readonly everyMs: number
}

type CircuitUsage = Extract<WorkerReport, { type: 'usage' }>['circuits'][number]

/** What changes all the time: the load of workers, and the use of circuits. It is written at intervals, without an epoch. */
export class Usage {
  readonly #options: UsageOptions
  readonly #loads = new Map<string, { readonly load: Load; readonly at: Date }>()
  readonly #beats = new Set<string>()
  /** By circuit: what has been added since the last write. */
  #added = new Map<string, { requests: number; lastAccessMs: number }>()
  /** By circuit and worker: connections and streams that are open. */
  readonly #open = new Map<string, Map<string, number>>()
  readonly #timer: NodeJS.Timeout
  #saving: Promise<void> = Promise.resolve()

  constructor(options: UsageOptions) {
    this.#options = options
    this.#timer = setInterval(() => {
      this.#saving = this.#save()
    }, options.everyMs)
  }

  loadOf(worker: string): Load | undefined {
    return this.#loads.get(worker)?.load
  }

  /** How many connections and streams of a circuit are open, at all workers. */
  openOf(circuit: string): number {
    let open = 0
    for (const count of this.#open.get(circuit)?.values() ?? []) open += count
    return open
  }

  beat(worker: string, load: Load): void {
    this.#loads.set(worker, { load, at: new Date() })
    this.#beats.add(worker)
  }

  add(worker: string, circuits: readonly CircuitUsage[]): void {
    for (const { id, requests, open, lastAccessMs = 0 } of circuits) {
      const added = this.#added.get(id) ?? { requests: 0, lastAccessMs: 0 }
      added.requests += requests
      // What is open is in use.
      added.lastAccessMs = Math.max(added.lastAccessMs, open > 0 ? Date.now() : lastAccessMs)
      this.#added.set(id, added)
      const byWorker = this.#open.get(id) ?? new Map<string, number>()
      if (open > 0) this.#open.set(id, byWorker.set(worker, open))
      else if (byWorker.delete(worker) && byWorker.size === 0) this.#open.delete(id)
    }
  }

  /** A worker is gone, and what was open there has ended. */
  forget(worker: string): void {
    this.#loads.delete(worker)
    for (const [id, byWorker] of this.#open)
      if (byWorker.delete(worker) && byWorker.size === 0) this.#open.delete(id)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#saving
    await this.#save()
  }

  async #save(): Promise<void> {
    const { store, logger } = this.#options
    const beats = [...this.#beats].flatMap((id) => {
      const beat = this.#loads.get(id)
      return beat === undefined ? [] : [{ id, ...beat }]
    })
    const added = this.#added
    if (beats.length + added.size === 0) return
    this.#beats.clear()
    this.#added = new Map()
    try {
      await store.write(async (tx) => {
        for (const { id, load, at } of beats)
          await tx
            .updateTable('workers')
            .set({ load: JSON.stringify(load), last_heartbeat_at: at })
            .where('id', '=', id)
            .execute()
        const rows = [...added].map(([id, { requests, lastAccessMs }]) => ({
          id,
          requests,
          at: lastAccessMs,
        }))
        if (rows.length > 0)
          await sql`
          update circuits set
            requests = circuits.requests + used.requests,
            last_access_at = greatest(circuits.last_access_at, to_timestamp(nullif(used.at, 0) / 1000.0))
          from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as used (id uuid, requests bigint, at bigint)
          where circuits.id = used.id`.execute(tx)
      })
    } catch (error) {
      logger.warn({ err: error }, 'loads and counters could not be written, trying again')
      for (const { id } of beats) this.#beats.add(id)
      for (const [id, { requests, lastAccessMs }] of added) {
        const later = this.#added.get(id) ?? { requests: 0, lastAccessMs: 0 }
        later.requests += requests
        later.lastAccessMs = Math.max(later.lastAccessMs, lastAccessMs)
        this.#added.set(id, later)
      }
    }
  }
}
