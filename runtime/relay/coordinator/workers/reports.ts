import type { WorkerReport } from '@branchline/wire/circuits/messages'
import { Backoff } from '../../../process/backoff.ts'
import type { Logger } from '../../../process/log.ts'
import { type CircuitReport, forgetReports, refreshGroup, reportStatus } from '../circuits/reports.ts'
import type { Store } from '../store/store.ts'
import { pause } from '../../../process/pause.ts'
import type { WorkersLimits } from './limits.ts'

type Health = Extract<WorkerReport, { type: 'targets' }>['targets'][number]

/** How many reports are written before a stop is noticed. */
const BATCH = 200

export interface ReportsOptions {
  readonly store: Store
  readonly limits: Pick<WorkersLimits, 'gatherMs' | 'retry'>
  readonly logger: Logger
}

/**
 * What workers report about circuits, and the statuses that follow. Reports are gathered, merged by circuit, and written
 * again while the database does not respond, so what waits is bounded by the number of circuits.
 */
export class Reports {
  readonly #options: ReportsOptions
  /** By worker and circuit. */
  #reports = new Map<string, Map<string, CircuitReport>>()
  /** By worker: circuits that it no longer serves. */
  #gone = new Map<string, Set<string>>()
  #groups = new Set<string>()
  readonly #stopped = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: ReportsOptions) {
    this.#options = options
  }

  /** A worker serves these versions of circuits. */
  served(worker: string, versions: Iterable<readonly [circuit: string, version: number]>): void {
    for (const [circuit, version] of versions) this.#add(worker, { circuit, version })
  }

  /** A worker cannot serve a circuit, or can again. */
  fault(worker: string, circuit: string, reason: string | undefined): void {
    this.#add(worker, { circuit, fault: reason ?? null })
  }

  health(worker: string, { circuit, target, status, reason, sinceMs }: Health): void {
    this.#add(worker, {
      circuit,
      targets: { [target]: { status, sinceMs, ...(reason !== undefined && { reason }) } },
    })
  }

  /** A worker no longer serves circuits. */
  gone(worker: string, circuits: Iterable<string>): void {
    const gone = this.#gone.get(worker) ?? new Set()
    for (const circuit of circuits) {
      gone.add(circuit)
      this.#reports.get(worker)?.delete(circuit)
    }
    if (gone.size === 0) return
    this.#gone.set(worker, gone)
    this.#start()
  }

  /** The workers of a group have changed, and with them the statuses of its circuits. */
  refresh(group: string): void {
    this.#groups.add(group)
    this.#start()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  #add(worker: string, report: CircuitReport): void {
    const reports = this.#reports.get(worker) ?? new Map<string, CircuitReport>()
    this.#reports.set(worker, reports)
    const { circuit } = report
    const known = reports.get(circuit)
    const targets = { ...known?.targets, ...report.targets }
    reports.set(circuit, { ...known, ...report, ...(Object.keys(targets).length > 0 && { targets }) })
    this.#gone.get(worker)?.delete(circuit)
    this.#start()
  }

  #start(): void {
    if (!this.#stopped.signal.aborted) this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    const { limits, logger } = this.#options
    const { signal } = this.#stopped
    const backoff = new Backoff(limits.retry)
    while (this.#reports.size + this.#gone.size + this.#groups.size > 0 && !signal.aborted) {
      await pause(limits.gatherMs, signal)
      const taken = { reports: this.#reports, gone: this.#gone, groups: this.#groups }
      this.#reports = new Map()
      this.#gone = new Map()
      this.#groups = new Set()
      try {
        await this.#write(taken.reports, taken.gone, taken.groups)
        backoff.reset()
      } catch (error) {
        logger.warn({ err: error }, 'statuses could not be written, trying again')
        this.#putBack(taken.reports, taken.gone, taken.groups)
        await pause(backoff.nextMs(), signal)
      }
    }
    this.#running = undefined
  }

  async #write(
    reports: ReadonlyMap<string, ReadonlyMap<string, CircuitReport>>,
    gone: ReadonlyMap<string, ReadonlySet<string>>,
    groups: Iterable<string>,
  ): Promise<void> {
    const { store } = this.#options
    for (const [worker, circuits] of gone) await forgetReports(store, worker, [...circuits])
    for (const [worker, byCircuit] of reports) {
      const list = [...byCircuit.values()]
      for (let start = 0; start < list.length; start += BATCH) {
        // Workers report everything to the next leader again.
        if (this.#stopped.signal.aborted) return
        await reportStatus(store, worker, list.slice(start, start + BATCH))
      }
    }
    for (const group of groups) await refreshGroup(store, group)
  }

  /** What came in the meantime is newer. */
  #putBack(
    reports: ReadonlyMap<string, ReadonlyMap<string, CircuitReport>>,
    gone: ReadonlyMap<string, ReadonlySet<string>>,
    groups: Iterable<string>,
  ): void {
    const [newer, newerGone] = [this.#reports, this.#gone]
    this.#reports = new Map()
    this.#gone = new Map()
    for (const [worker, circuits] of gone) this.gone(worker, circuits)
    for (const byWorker of [reports, newer])
      for (const [worker, byCircuit] of byWorker)
        for (const report of byCircuit.values()) this.#add(worker, report)
    for (const [worker, circuits] of newerGone) this.gone(worker, circuits)
    for (const group of groups) this.#groups.add(group)
  }
}
