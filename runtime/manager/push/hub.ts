import type { WebSocket } from 'ws'
import type { Logger } from '../../process/log.ts'
import type { PlanChange, SidecarTable } from '../plan/plan.ts'
import type { PushLimits } from './limits.ts'
import { type DropReason, Reports } from './reports.ts'
import { CLOSE, Session } from './session.ts'

/** What the hub reads from the plan, and what it reports. */
export interface HubOptions {
  readonly limits: PushLimits
  readonly logger: Logger
  /** A pod's table in the current plan. Undefined if the plan has no such sidecar (yet). */
  readonly tableOf: (pod: string) => SidecarTable | undefined
  /** The epoch of the current plan. */
  readonly epoch: () => number
  /** A sidecar connected, disconnected, or serves the newest table sent to it (`tookMs` after it was sent). */
  readonly onStanding: (pod: string, tookMs?: number) => void
  /** A report or query of hops was dropped. */
  readonly onHopDropped?: (reason: DropReason) => void
}

/** The epochs of a sidecar. Undefined if it has none yet. */
export interface Standing {
  readonly sent: number | undefined
  readonly served: number | undefined
}

/**
 * The sidecars' connections, one per pod: the newest wins. A pod receives only its own table. Every greeted
 * session has been sent the current plan, so the next change is the same difference for all.
 */
export class Hub {
  readonly #options: HubOptions
  /** The sessions that have sent hello, by pod, and all connected sessions. */
  readonly #sessions = new Map<string, Session>()
  readonly #connected = new Set<Session>()
  /** The sessions that have not sent hello yet. Also one per pod, so that one pod cannot take all places. */
  readonly #ungreeted = new Map<string, Session>()
  readonly #reports: Reports
  readonly #pinger: NodeJS.Timeout

  constructor(options: HubOptions) {
    this.#options = options
    const { limits, logger, tableOf, onHopDropped: onDropped } = options
    this.#reports = new Reports({ limits, logger, tableOf, onDropped })
    const ping = (): void => this.#connected.forEach((session) => session.ping())
    this.#pinger = setInterval(ping, options.limits.pingIntervalMs)
  }

  /** The number of sidecars that are connected and have sent hello. */
  get size(): number {
    return this.#sessions.size
  }

  /** Accepts a connection of a pod that its token has identified. */
  accept(pod: string, socket: WebSocket): void {
    const { limits, logger, onStanding } = this.#options
    const handler = {
      onHello: (it: Session) => this.#greet(it),
      onServed: (_: Session, tookMs: number) => onStanding(pod, tookMs),
    }
    const session = new Session(pod, socket, limits, handler, this.#reports)
    socket.on('error', (error) => logger.debug({ pod, err: error }, 'sidecar connection failed'))
    this.#connected.add(session)
    this.#ungreeted.get(pod)?.close(CLOSE.replaced, 'the pod has connected again')
    this.#ungreeted.set(pod, session)
    socket.once('close', (code) => {
      this.#connected.delete(session)
      if (this.#ungreeted.get(pod) === session) this.#ungreeted.delete(pod)
      if (this.#sessions.get(pod) !== session) return
      this.#sessions.delete(pod)
      logger[code === CLOSE.tooBig ? 'error' : 'debug']({ pod, code }, 'sidecar disconnected')
      onStanding(pod)
    })
  }

  /** Sends each sidecar the changes of its own table. */
  publish(epoch: number, { tables, known }: Pick<PlanChange, 'tables' | 'known'>): void {
    for (const [pod, { before, after }] of tables) {
      if (after !== undefined) this.#sessions.get(pod)?.sendChange(epoch, before, after, known)
    }
  }

  standing(pod: string): Standing | undefined {
    return this.#sessions.get(pod)?.epochs
  }

  /** Closes every connection. The sidecars connect again, here or to another replica. */
  closeAll(reason: string): void {
    for (const session of this.#connected) session.close(CLOSE.goingAway, reason)
  }

  close(): void {
    clearInterval(this.#pinger)
    this.closeAll('the manager stops')
  }

  #greet(session: Session): void {
    const { pod } = session
    if (this.#ungreeted.get(pod) === session) this.#ungreeted.delete(pod)
    this.#sessions.get(pod)?.close(CLOSE.replaced, 'the pod has connected again')
    this.#sessions.set(pod, session)
    const table = this.#options.tableOf(pod)
    // A sidecar may connect before its pod is known. It gets its table as soon as the table is planned.
    if (table !== undefined) session.sendSnapshot(this.#options.epoch(), table)
    this.#options.onStanding(pod)
  }
}
