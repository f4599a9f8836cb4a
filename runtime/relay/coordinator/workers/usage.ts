import type { WorkerReport } from '@branchline/wire/circuits/messages'
import type { Load } from '@branchline/wire/circuits/worker'
import type { Logger } from '../../../process/log.ts'
import { type CircuitUsage, reportClosed, reportUsage } from '../circuits/reports.ts'
import type { Store } from '../store/store.ts'

export interface UsageOptions {
  readonly store: Store
  readonly logger: Logger
  readonly everyMs: number
}

type Used = Extract<WorkerReport, { type: 'usage' }>['circuits'][number]

/** What changes all the time: the load of workers, and the use of circuits. It is written at intervals, without an epoch. */
export class Usage {
  readonly #options: UsageOptions
  readonly #loads = new Map<
    string,
    { readonly load: Load; readonly servedEpoch: number | undefined; readonly at: Date }
  >()
  readonly #beats = new Set<string>()
  /** By worker and circuit: the use since the last write. */
  #used = new Map<string, Map<string, CircuitUsage>>()
  /** Workers whose open connections, as they have reported them, are closed. */
  readonly #closed = new Set<string>()
  readonly #timer: NodeJS.Timeout
  #saving: Promise<void> = Promise.resolve()

  constructor(options: UsageOptions) {
    this.#options = options
    this.#timer = setInterval(() => {
      this.#saving = this.#saving.then(() => this.#save())
    }, options.everyMs)
  }

  loadOf(worker: string): Load | undefined {
    return this.#loads.get(worker)?.load
  }

  /** `servedEpoch`: the epoch of the table that the worker has acknowledged. */
  beat(worker: string, load: Load, servedEpoch: number | undefined): void {
    this.#loads.set(worker, { load, servedEpoch, at: new Date() })
    this.#beats.add(worker)
  }

  add(worker: string, circuits: readonly Used[]): void {
    for (const { id: circuit, ...used } of circuits) this.#add(worker, { circuit, ...used })
  }

  /** A worker has stopped, or has started again: what was open before is closed. What it reports later counts. */
  closed(worker: string): void {
    this.#closed.add(worker)
    for (const [circuit, use] of this.#used.get(worker) ?? [])
      this.#used.get(worker)?.set(circuit, { ...use, open: 0 })
  }

  /** A worker is gone. The connections that it has reported may still be open: it may be cut off. */
  forget(worker: string): void {
    this.#loads.delete(worker)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#saving
    await this.#save()
  }

  #add(worker: string, { circuit, requests, open, lastAccessMs }: CircuitUsage): void {
    const byCircuit = this.#used.get(worker) ?? new Map<string, CircuitUsage>()
    this.#used.set(worker, byCircuit)
    const before = byCircuit.get(circuit)
    const last = Math.max(before?.lastAccessMs ?? 0, lastAccessMs ?? 0)
    byCircuit.set(circuit, {
      circuit,
      requests: (before?.requests ?? 0) + requests,
      open,
      ...(last > 0 && { lastAccessMs: last }),
    })
  }

  async #save(): Promise<void> {
    const { store, logger } = this.#options
    const beats = [...this.#beats].flatMap((id) => {
      const beat = this.#loads.get(id)
      return beat === undefined ? [] : [{ id, ...beat }]
    })
    this.#beats.clear()
    const closed = [...this.#closed]
    this.#closed.clear()
    const used = this.#used
    this.#used = new Map()
    try {
      if (beats.length > 0)
        await store.write(async (tx) => {
          for (const { id, load, servedEpoch, at } of beats)
            await tx
              .updateTable('workers')
              .set({ load: JSON.stringify({ ...load, servedEpoch }), last_heartbeat_at: at })
              .where('id', '=', id)
              .execute()
        })
      await reportClosed(store, closed)
      for (const [worker, byCircuit] of used) {
        await reportUsage(store, worker, [...byCircuit.values()])
        used.delete(worker)
      }
    } catch (error) {
      logger.warn({ err: error }, 'loads and counters could not be written, trying again')
      for (const { id } of beats) this.#beats.add(id)
      for (const id of closed) this.#closed.add(id)
      const newer = this.#used
      this.#used = used
      for (const [worker, byCircuit] of newer) for (const use of byCircuit.values()) this.#add(worker, use)
    }
  }
}
