import type { WebSocket } from 'ws'
import type { Logger } from '../../process/log.ts'
import type { PlanChange, SidecarTable } from '../plan/plan.ts'
import type { PushLimits } from './limits.ts'
import { type DropReason, Reports } from './reports.ts'
import { CLOSE, Session } from './session.ts'

/** What the hub must be told of the plan, and what it tells. */
export interface HubOptions {
  readonly limits: PushLimits
  readonly logger: Logger
  /** The newest table of a pod by the plan at hand; undefined where there is no such sidecar (yet). */
  readonly tableOf: (pod: string) => SidecarTable | undefined
  /** The epoch of the plan at hand. */
  readonly epoch: () => number
  /** A sidecar came, went, or serves the newest that it was sent (`tookMs` after that). */
  readonly onStanding: (pod: string, tookMs?: number) => void
  /** A hop, or a question for hops, was dropped. */
  readonly onHopDropped?: (reason: DropReason) => void
}

/** Where a sidecar stands; undefined epochs where it has none yet. */
export interface Standing {
  readonly sent: number | undefined
  readonly served: number | undefined
}

/**
 * The sidecars' connections, one a pod: the newest wins. A pod is told about itself alone. Every greeted
 * session has been sent the plan at hand, so that what changes next is the same difference for all.
 */
export class Hub {
  readonly #options: HubOptions
  /** Those that have said hello, by pod; and all that are connected. */
  readonly #sessions = new Map<string, Session>()
  readonly #connected = new Set<Session>()
  /** Those that have not said hello yet: one a pod as well, so that one pod cannot take all places. */
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

  /** How many sidecars are connected and have said hello. */
  get size(): number {
    return this.#sessions.size
  }

  /** Takes a connection whose token said which pod it is. */
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

  /** Sends each sidecar what changed for it. */
  publish(epoch: number, { tables, known }: Pick<PlanChange, 'tables' | 'known'>): void {
    for (const [pod, { before, after }] of tables) {
      if (after !== undefined) this.#sessions.get(pod)?.sendChange(epoch, before, after, known)
    }
  }

  standing(pod: string): Standing | undefined {
    return this.#sessions.get(pod)?.epochs
  }

  /** Sends every sidecar elsewhere; they connect anew, here or to another replica. */
  closeAll(reason: string): void {
    for (const session of this.#connected) session.close(CLOSE.goingAway, reason)
  }

  close(): void {
    clearInterval(this.#pinger)
    this.closeAll('the manager ends')
  }

  #greet(session: Session): void {
    const { pod } = session
    if (this.#ungreeted.get(pod) === session) this.#ungreeted.delete(pod)
    this.#sessions.get(pod)?.close(CLOSE.replaced, 'the pod has connected anew')
    this.#sessions.set(pod, session)
    const table = this.#options.tableOf(pod)
    // A sidecar may be faster than the news of its pod: it is sent its table when that is planned.
    if (table !== undefined) session.sendSnapshot(this.#options.epoch(), table)
    this.#options.onStanding(pod)
  }
}
