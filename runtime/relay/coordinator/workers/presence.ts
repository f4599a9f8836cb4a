import type { WorkerReport } from '@branchline/wire/circuits/messages'
import { Backoff } from '../../../process/backoff.ts'
import type { Logger } from '../../../process/log.ts'
import { requireTerm } from '../leader/term.ts'
import type { Store } from '../store/store.ts'
import type { Deployment } from './deployment.ts'
import { pause } from '../../../process/pause.ts'
import type { WorkersLimits } from './limits.ts'
import { type Connection, isNothing, planPresence } from './presence-plan.ts'
import { writePresence } from './presence-writes.ts'

export interface PresenceOptions {
  readonly store: Store
  readonly term: number
  readonly deployment: Deployment
  readonly limits: WorkersLimits
  readonly logger: Logger
  /** All workers of the previous leader are back, or had time to be. */
  readonly onBack: () => void
  /** Whether a worker shows another sign of life than its connection. */
  readonly isAlive: (worker: string) => boolean
}

type Facts = Extract<WorkerReport, { type: 'facts' }>
type BeatState = Extract<WorkerReport, { type: 'heartbeat' }>['state']

interface Present extends Connection {
  readonly clusters: Set<string>
  readonly credentials: ReadonlySet<string>
}

/** Which workers are connected, and keeps what the database says about them equal to that. */
export class Presence {
  /** Undefined: has not said what it is. */
  readonly connected = new Map<string, Present | undefined>()
  readonly #options: PresenceOptions
  readonly #ended = new Map<string, string>()
  readonly #stopped = new AbortController()
  readonly #absent: NodeJS.Timeout
  #absentAreLost = false
  #wasBack = false
  #dirty = false
  #running: Promise<void> | undefined

  constructor(options: PresenceOptions) {
    this.#options = options
    this.#absent = setTimeout(() => {
      this.#absentAreLost = true
      this.judge()
    }, options.limits.absentMs)
  }

  /** Whether every worker that is not lost has said what it is since this leader started, or had time to. */
  get allBack(): boolean {
    if (this.#absentAreLost) return true
    for (const { id, state } of this.#options.deployment.workers.values())
      if (state !== 'lost' && this.connected.get(id) === undefined) return false
    return true
  }

  /** Whether a connected worker lets clusters with this credential in. */
  isKnown(credential: string): boolean {
    let known = 0
    for (const present of this.connected.values()) {
      if (present?.credentials.has(credential) === true) return true
      if (present !== undefined) known++
    }
    return known === 0
  }

  came(worker: string): void {
    this.#ended.delete(worker)
    this.connected.set(worker, undefined)
    this.judge()
  }

  ended(worker: string): void {
    if (this.#stopped.signal.aborted) return
    this.connected.delete(worker)
    if (!this.#ended.has(worker)) this.#ended.set(worker, 'Its connection has ended.')
    this.judge()
  }

  farewell(worker: string, reason: string): void {
    this.#ended.set(worker, `It has stopped: ${reason}`)
  }

  described(worker: string, { facts, peerHash, credentials, clusters }: Facts): void {
    const drained = this.connected.get(worker)?.drained ?? false
    const present = {
      facts,
      peerHash,
      drained,
      clusters: new Set(clusters),
      credentials: new Set(credentials),
    }
    this.connected.set(worker, present)
    this.judge()
  }

  beat(worker: string, state: BeatState): void {
    const present = this.connected.get(worker)
    const drained = state === 'drained'
    if (present === undefined || present.drained === drained) return
    this.connected.set(worker, { ...present, drained })
    this.judge()
  }

  linked(worker: string, cluster: string): void {
    const clusters = this.connected.get(worker)?.clusters
    if (clusters === undefined || clusters.has(cluster)) return
    clusters.add(cluster)
    this.judge()
  }

  unlinked(worker: string, cluster: string): void {
    if (this.connected.get(worker)?.clusters.delete(cluster) === true) this.judge()
  }

  /** Something has changed: compares with the database soon. */
  judge(): void {
    if (this.#stopped.signal.aborted) return
    if (!this.#wasBack && this.allBack && this.connected.size > 0) {
      this.#wasBack = true
      this.#options.onBack()
    }
    this.#dirty = true
    this.#running ??= this.#run()
  }

  /** Says nothing more: another coordinator leads. */
  stop(): void {
    clearTimeout(this.#absent)
    this.#stopped.abort()
  }

  async stopped(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    const { store, term, logger, limits } = this.#options
    const { signal } = this.#stopped
    const backoff = new Backoff(limits.retry)
    // Several messages often arrive together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#dirty && !signal.aborted) {
      this.#dirty = false
      const plan = this.#plan()
      if (isNothing(plan)) continue
      for (const { worker, reason } of plan.lost)
        logger.warn({ worker_id: worker.id, worker: worker.name, reason }, 'a worker is lost')
      try {
        await store.change({ actor: 'system' }, async (change) => {
          await requireTerm(change.tx, term)
          await writePresence(change, plan)
        })
        for (const { id, name } of plan.returned)
          logger.info({ worker_id: id, worker: name }, 'a worker has returned')
        for (const { id, name } of plan.drained)
          logger.info({ worker_id: id, worker: name }, 'a worker is drained')
        backoff.reset()
      } catch (error) {
        this.#dirty = true
        logger.warn({ err: error }, 'the state of workers could not be written, trying again')
        await pause(backoff.nextMs(), signal)
      }
    }
    this.#running = undefined
  }

  #plan(): ReturnType<typeof planPresence> {
    const { deployment } = this.#options
    return planPresence({
      known: deployment.workers,
      connected: this.connected,
      ended: this.#ended,
      absentAreLost: this.#absentAreLost,
      isAlive: this.#options.isAlive,
      clusters: deployment.clusters,
    })
  }
}
