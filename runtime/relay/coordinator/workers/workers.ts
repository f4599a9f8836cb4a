import type { IncomingMessage } from 'node:http'
import type { TableDelta } from '@branchline/wire/circuits/delta'
import type { CoordinatorNotice, WorkerReport } from '@branchline/wire/circuits/messages'
import { WORKERS_CONNECT_PATH, WORKERS_SUBPROTOCOL } from '@branchline/wire/circuits/protocol'
import type { Load } from '@branchline/wire/circuits/worker'
import type { WebSocket } from 'ws'
import type { EtcdClient } from '../../../etcd/client.ts'
import type { Logger } from '../../../process/log.ts'
import { type UpgradeDecision, upgradeFault } from '../../../process/upgrade.ts'
import { CLOSE } from '../../../pushed/close-codes.ts'
import { Publisher } from '../../../pushed/publisher.ts'
import type { Subscriber } from '../../../pushed/subscriber.ts'
import type { Redeemed } from '../access/redeem.ts'
import { hashOf } from '@branchline/wire/circuits/secret'
import { endSession } from '../access/sessions.ts'
import { findWorker } from '../access/workers.ts'
import type { CircuitContext } from '../circuits/context.ts'
import { EtcdLeading } from '../etcd/etcd-leading.ts'
import { Deployment, type View } from './deployment.ts'
import { Follower } from './follower.ts'
import type { WorkersLimits } from './limits.ts'
import type { Loaded } from './load.ts'
import { Presence } from './presence.ts'
import type { PreviewLimits } from './preview-plan.ts'
import { Previews } from './previews.ts'
import { type Deltas, tableProtocol } from './protocol.ts'
import { Chores } from './chores.ts'
import { Reports } from './reports.ts'
import type { DeploymentTimings } from './timings.ts'
import { Usage } from './usage.ts'

export interface WorkersOptions {
  readonly context: CircuitContext
  /** The term of this leader. */
  readonly term: number
  readonly limits: WorkersLimits
  readonly previewLimits: PreviewLimits
  readonly logger: Logger
  /** The URL of a host label for visitors. */
  readonly urlOf: (label: string) => string
  readonly timings?: DeploymentTimings | undefined
  /** Exchanges a one-time code for a session whose cookie has a hash. */
  readonly redeem: (code: string, host: string, hash: string) => Promise<Redeemed>
  /** Where circuits are also written, and workers keep leases. Default: nowhere. */
  readonly etcd?: EtcdClient | undefined
}

type WorkerSubscriber = Subscriber<View, Deltas, WorkerReport>

/**
 * The connections of all workers to the coordinator that leads. It pushes each of them its table, and takes what they
 * report. A coordinator that no longer leads stops it, so that the workers connect to the next leader.
 */
export class Workers {
  readonly deployment = new Deployment()
  readonly previews: Previews
  readonly presence: Presence
  readonly usage: Usage
  readonly reports: Reports
  readonly #chores: Chores
  /** By worker: versions of circuits that it was sent and has not acknowledged. */
  readonly #unserved = new Map<string, Map<string, number>>()
  readonly #options: WorkersOptions
  readonly #publisher: Publisher<View, Deltas, WorkerReport>
  readonly #follower: Follower
  readonly #etcd: EtcdLeading | undefined
  readonly #sockets = new Map<string, WebSocket>()

  /** Reads everything, and is then ready for workers. Rejects with BL_RELAY_DATABASE if the database does not respond. */
  static async start(options: WorkersOptions): Promise<Workers> {
    const { instance } = await options.context.store.read((db) =>
      db.selectFrom('relay').select('instance').executeTakeFirstOrThrow(),
    )
    const workers = new Workers(options, instance)
    try {
      await workers.#follower.start()
      return workers
    } catch (error) {
      await workers.stop()
      throw error
    }
  }

  private constructor(options: WorkersOptions, instance: string) {
    this.#options = options
    const { context, term, limits, previewLimits, logger, urlOf, etcd } = options
    const { deployment } = this
    const { store } = context
    this.#publisher = new Publisher<View, Deltas, WorkerReport>({
      protocol: tableProtocol({ instance, term }),
      limits: limits.publisher,
      logger,
      words: { subscriber: 'worker', key: 'worker_id' },
      tableOf: (id) => deployment.viewOf(id),
      epoch: () => this.#follower.epoch,
      onStanding: (id, tookMs) => this.#standing(id, tookMs),
      onOther: (subscriber, message) => this.#take(subscriber, message),
    })
    this.#follower = new Follower({
      store,
      logger,
      retry: limits.retry,
      onLoaded: (epoch, loaded) => this.#deploy(epoch, loaded),
      onFollowed: (ms) => options.timings?.publication.observe(ms / 1_000),
    })
    this.presence = new Presence({
      store,
      term,
      deployment,
      limits,
      logger,
      onBack: () => this.previews.judgeAll(),
      isAlive: (worker) => this.#etcd?.isAlive(worker) === true,
    })
    this.#etcd =
      etcd &&
      new EtcdLeading({
        client: etcd,
        instance,
        term,
        circuits: () => deployment.circuits,
        logger,
        onLeases: () => this.presence.judge(),
      })
    this.reports = new Reports({ store, limits, logger })
    this.#chores = new Chores({ context, logger, limits })
    this.usage = new Usage({ store, logger, everyMs: limits.saveMs })
    this.previews = new Previews({
      store,
      term,
      deployment,
      limits,
      previewLimits,
      logger,
      urlOf,
      allBack: () => this.presence.allBack,
      isKnown: (credential) => this.presence.isKnown(credential),
      groupOf: ([worker]) => deployment.workers.get(worker ?? '')?.group ?? 'default',
      published: (epoch) => this.#follower.reached(epoch),
      send: (worker, notice) => this.#send(worker, notice),
    })
  }

  /** The epoch up to which everything has been read and sent. */
  get epoch(): number {
    return this.#follower.epoch
  }

  /** The ids of the workers that are connected now. */
  get connected(): string[] {
    return [...this.presence.connected.keys()]
  }

  /** What a connected worker has last said about its load. */
  loadOf(worker: string): Load | undefined {
    return this.usage.loadOf(worker)
  }

  /** The epoch that a worker serves. Undefined if it is not connected. */
  servedEpochOf(worker: string): number | undefined {
    return this.#publisher.standing(worker)?.served
  }

  /** The epochs by which a worker is behind what it was sent. Undefined if it is not connected. */
  lagOf(worker: string): number | undefined {
    const standing = this.#publisher.standing(worker)
    if (standing?.sent === undefined) return undefined
    return Math.max(0, standing.sent - (standing.served ?? 0))
  }

  /** Resolves when workers have been sent everything up to an epoch. */
  published(epoch: number): Promise<void> {
    return this.#follower.reached(epoch)
  }

  /** Decides about a request to {@link WORKERS_CONNECT_PATH}. Its credential identifies the worker. */
  async authorize(request: IncomingMessage): Promise<UpgradeDecision> {
    const worker = await this.#identify(request.headers.authorization)
    if (worker === undefined) return { status: 401 }
    const fault = upgradeFault(request, WORKERS_CONNECT_PATH, WORKERS_SUBPROTOCOL)
    if (fault !== undefined) return { status: fault === 'path' ? 404 : 400 }
    return { accept: (socket) => this.#accept(worker, socket) }
  }

  /** Closes all connections. The workers connect to the coordinator that leads then. */
  async stop(): Promise<void> {
    this.presence.stop()
    this.#publisher.closeAll('this coordinator no longer leads')
    await Promise.all([
      this.previews.stop(),
      this.#follower.stop(),
      this.presence.stopped(),
      this.usage.stop(),
      this.reports.stop(),
      this.#chores.stop(),
      this.#etcd?.stop(),
    ])
  }

  async #identify(authorization: string | undefined): Promise<string | undefined> {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return undefined
    const hash = hashOf(token)
    for (const { id, credentialHash } of this.deployment.workers.values())
      if (credentialHash === hash) return id
    // It may have joined a moment ago, with another coordinator.
    return findWorker(this.#options.context.store, hash)
  }

  #accept(worker: string, socket: WebSocket): void {
    // Before the publisher, which greets it in the same turn.
    socket.once('message', () => this.#sockets.set(worker, socket))
    this.#publisher.accept(worker, socket)
    socket.once('close', () => {
      if (this.#sockets.get(worker) === socket) this.#sockets.delete(worker)
    })
  }

  #send(worker: string, notice: CoordinatorNotice): void {
    this.#sockets.get(worker)?.send(JSON.stringify(notice))
  }

  #standing(worker: string, tookMs: number | undefined): void {
    if (tookMs !== undefined) {
      this.#options.timings?.acknowledgement.observe(tookMs / 1_000)
      this.reports.served(worker, this.#unserved.get(worker) ?? [])
      this.#unserved.delete(worker)
      return
    }
    const { listings } = this.previews
    // Also if it has connected again: it names its clusters again.
    for (const cluster of listings.forget(worker, performance.now())) this.previews.judge(cluster)
    if (this.#publisher.standing(worker) === undefined) {
      this.#options.logger.warn({ worker_id: worker }, 'a worker has left')
      this.presence.ended(worker)
      this.usage.forget(worker)
    } else {
      const circuits = this.deployment.viewOf(worker)?.table.circuits.values() ?? []
      this.#unserved.set(worker, new Map([...circuits].map(({ id, version }) => [id, version])))
      this.presence.came(worker)
      this.#sayState(worker)
    }
  }

  #deploy(epoch: number, loaded: Loaded): void {
    const { deployment } = this
    const states = new Map([...deployment.workers].map(([id, { state }]) => [id, state]))
    const deltas = deployment.apply(loaded)
    const changes = [...deployment.workers.keys()].map((id) => {
      const view = deployment.viewOf(id)
      return [id, { before: view, after: view }] as const
    })
    for (const [worker, { circuits }] of deltas) this.#expect(worker, circuits ?? {})
    this.#publisher.publish(epoch, changes, deltas)
    this.#etcd?.changed(epoch, loaded)
    this.previews.touched(deployment.takeTouched())
    for (const [id, before] of states) {
      const worker = deployment.workers.get(id)
      if (worker === undefined) this.#remove(id)
      else if (worker.state !== before) {
        this.#sayState(id)
        this.reports.refresh(worker.group)
      }
    }
    this.presence.judge()
  }

  /** A worker is about to be sent changes. */
  #expect(worker: string, { upsert = [], remove = [] }: NonNullable<TableDelta['circuits']>): void {
    if (this.#publisher.standing(worker) === undefined) return
    const unserved = this.#unserved.get(worker) ?? new Map<string, number>()
    for (const { id, version } of upsert) unserved.set(id, version)
    for (const id of remove) unserved.delete(id)
    this.#unserved.set(worker, unserved)
    // Reports of circuits that are gone are deleted with them.
    const elsewhere = remove.filter((id) => this.deployment.circuits.has(id))
    if (elsewhere.length > 0) this.reports.gone(worker, elsewhere)
  }

  #sayState(worker: string): void {
    const known = this.deployment.workers.get(worker)
    // A lost worker that is connected returns to its state before, which follows.
    if (known === undefined || known.state === 'lost') return
    const reason = known.stateReason
    this.#send(worker, { type: 'state', state: known.state, ...(reason !== undefined && { reason }) })
  }

  #remove(worker: string): void {
    const reason = 'this worker has been removed'
    this.#send(worker, { type: 'shutdown', reason })
    this.#sockets.get(worker)?.close(CLOSE.policy, reason)
  }

  #take({ key: worker }: WorkerSubscriber, message: WorkerReport): void {
    const { previews, presence, usage, reports } = this
    if (message.type === 'facts') {
      // It has a new one at each start.
      const { peerHash } = this.deployment.workers.get(worker) ?? {}
      if (peerHash !== message.peerHash) usage.closed(worker)
      presence.described(worker, message)
    } else if (message.type === 'heartbeat') {
      usage.beat(worker, message.load, this.#publisher.standing(worker)?.served)
      presence.beat(worker, message.state)
    } else if (message.type === 'listing') {
      const { upsert, credential, cluster } = message
      previews.judge(
        previews.listings.list(worker, message),
        upsert.map(({ label }) => label),
      )
      presence.linked(worker, `${credential} ${cluster}`)
    } else if (message.type === 'unlisted') {
      const cluster = `${message.credential} ${message.cluster}`
      previews.listings.unlist(worker, cluster, performance.now())
      previews.judge(cluster)
      presence.unlinked(worker, cluster)
    } else if (message.type === 'circuits') {
      for (const { id, reason } of message.circuits)
        if (this.#has(worker, id)) reports.fault(worker, id, reason)
    } else if (message.type === 'targets') {
      for (const target of message.targets)
        if (this.#has(worker, target.circuit)) reports.health(worker, target)
    } else if (message.type === 'usage') {
      // It may have served circuits that another group has now.
      const known = message.circuits.filter(({ id }) => this.deployment.circuits.has(id))
      usage.add(worker, known)
    } else if (message.type === 'redeem') void this.#redeem(worker, message)
    else if (message.type === 'leave') void this.#leave(worker, message.hash)
    else if (message.type === 'bye') {
      usage.closed(worker)
      presence.farewell(worker, message.reason)
    }
  }

  /** Whether a worker serves a circuit. What it reports about others does not count, and is not kept. */
  #has(worker: string, circuit: string): boolean {
    return this.deployment.viewOf(worker)?.table.circuits.has(circuit) === true
  }

  async #leave(worker: string, hash: string): Promise<void> {
    const { context, logger } = this.#options
    try {
      await endSession(context.store, hash)
    } catch (error) {
      logger.warn({ err: error, worker_id: worker }, 'a session could not be ended')
    }
  }

  async #redeem(
    worker: string,
    { request, code, host, hash }: Extract<WorkerReport, { type: 'redeem' }>,
  ): Promise<void> {
    const { redeem, logger } = this.#options
    try {
      this.#send(worker, { type: 'redeemed', request, ...(await redeem(code, host, hash)) })
    } catch (error) {
      logger.warn({ err: error, worker_id: worker }, 'a code could not be redeemed')
      this.#send(worker, { type: 'redeemed', request, refusal: 'the coordinator cannot check the code now' })
    }
  }
}
