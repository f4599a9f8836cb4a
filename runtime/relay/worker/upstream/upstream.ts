import type { Duplex } from 'node:stream'
import {
  type DeltaMessage,
  diffTables,
  type SnapshotMessage,
  type TableDelta,
} from '@branchline/wire/circuits/delta'
import type { CoordinatorNotice, WorkerReport } from '@branchline/wire/circuits/messages'
import {
  MAX_TABLE_MESSAGE,
  WORKERS_CONNECT_PATH,
  WORKERS_SUBPROTOCOL,
} from '@branchline/wire/circuits/protocol'
import { type DeployedSession, EMPTY_WORKER_TABLE, type WorkerTable } from '@branchline/wire/circuits/table'
import type { Logger } from '../../../process/log.ts'
import { Subscription } from '../../../pushed/subscription.ts'
import type { UpstreamLimits } from './limits.ts'
import type { EtcdLink } from '../etcd/etcd-link.ts'
import type { EtcdTable } from '../etcd/etcd-table.ts'
import { mergeTables } from '../etcd/merge.ts'
import { type ServedTable, tableProtocol } from './protocol.ts'
import type { TableFile } from './table-file.ts'

export interface UpstreamOptions {
  /** The URLs of coordinators, `http:` or `https:`. At least one. They are tried in turn. */
  readonly coordinators: readonly string[]
  /** Connects to a URL in another way than by TCP. Undefined for URLs for which it does not. */
  readonly connect?: ((url: string) => Duplex | undefined) | undefined
  /** Returns the worker's credential for the next attempt. */
  readonly credential: () => Promise<string>
  /** The coordinator does not know the credential. */
  readonly onUnknown: () => void
  readonly limits: UpstreamLimits
  readonly logger: Logger
  readonly file: TableFile | undefined
  /** Another table applies from this turn on. `delta` leads to it from the one before. */
  readonly onTable: (table: WorkerTable, delta: TableDelta) => void
  readonly onNotice: (notice: CoordinatorNotice) => void
  /** What the coordinator has to know first in each connection: facts, then everything that is reported as changes. */
  readonly introduce: () => Iterable<WorkerReport>
  /** The link to etcd, whose tables go to `onTable`. Default: none. */
  readonly etcd?: (onTable: (table: EtcdTable) => void) => EtcdLink | undefined
}

/** The answer to a code: the session, or a sentence that says why there is none. */
type Redeemed = { readonly session: DeployedSession } | { readonly refusal: string }
type Exchange = (answer: Redeemed | undefined) => void

/**
 * A worker's link to the coordinator that leads. It keeps the table that applies, also without a coordinator, and sends
 * reports. A report is lost while there is no connection: the next one begins with everything.
 */
export class Upstream {
  readonly #options: UpstreamOptions
  readonly #subscription: Subscription<ServedTable, SnapshotMessage, DeltaMessage, CoordinatorNotice>
  readonly #exchanges = new Map<number, Exchange>()
  /** The table that applies: the coordinator's, or that with newer circuits of etcd. */
  #served: ServedTable | undefined
  #etcdLink: EtcdLink | undefined
  /** The last table of the coordinator, or the one on disk. */
  #linked: ServedTable | undefined
  #etcdTable: EtcdTable | undefined
  /** The coordinator's table to which the next delta applies. */
  #previous: ServedTable | undefined
  #nextRequest = 1
  #attempt = 0
  #overflowed = false

  constructor(options: UpstreamOptions) {
    this.#options = options
    const { limits, logger, credential, connect } = options
    this.#subscription = new Subscription({
      url: () => this.#nextUrl(),
      subprotocol: WORKERS_SUBPROTOCOL,
      token: credential,
      connect,
      protocol: tableProtocol(() => this.#served),
      maxMessageBytes: MAX_TABLE_MESSAGE,
      limits: limits.subscription,
      logger,
      words: { publisher: 'coordinator', table: 'table' },
      onTable: (served, message) => {
        this.#linked = served
        this.#serve(message)
        if (message.type === 'snapshot') this.#introduce()
      },
      onOther: (notice) => this.#notice(notice),
      onDown: (fault) => this.#down(fault.detail),
    })
  }

  /** Applies the table on disk, if there is one, and connects. */
  async start(): Promise<void> {
    const { file, onTable, logger } = this.#options
    const remembered = await file?.read()
    if (remembered !== undefined) {
      this.#served = this.#linked = remembered
      const { term, epoch, table } = remembered
      logger.info(
        { term, epoch, circuits: table.circuits.size },
        'serving the last table until a coordinator responds',
      )
      onTable(table, diffTables(EMPTY_WORKER_TABLE, table) ?? {})
    }
    this.#subscription.start()
    // Here, because the worker listens only now: its addresses are known.
    this.#etcdLink = this.#options.etcd?.((table) => this.#offer(table))
    this.#etcdLink?.start()
    if (remembered !== undefined) this.#etcdLink?.register(remembered.table.workers)
  }

  /** Takes a table of etcd. It applies if it is newer than that of the coordinator. */
  #offer(table: EtcdTable): void {
    const { instance, term, epoch } = table
    const before = this.#etcdTable
    // An etcd that was restored: the coordinator writes what is missing again.
    const isOlder =
      before !== undefined && (term < before.term || (term === before.term && epoch < before.epoch))
    if (before?.instance === instance && isOlder) return
    this.#etcdTable = table
    this.#serve()
  }

  /** The table that applies. Undefined before the first one. */
  get served(): ServedTable | undefined {
    return this.#served
  }

  get connected(): boolean {
    return this.#subscription.state === 'connected'
  }

  /** Sends a report. It is lost if there is no connection, or if too much waits to be sent. */
  send(report: WorkerReport): void {
    const unsent = this.#subscription.unsentBytes
    if (unsent === undefined) return
    if (unsent > this.#options.limits.unsentBytes) this.#overflowed = true
    else if (!this.#overflowed) this.#subscription.send(report)
    else {
      // What was lost is part of the introduction.
      this.#overflowed = false
      this.#introduce()
    }
  }

  /** Exchanges a one-time code for a session whose cookie has a hash. Undefined if no coordinator has answered. */
  redeem(code: string, host: string, hash: string): Promise<Redeemed | undefined> {
    const { limits } = this.#options
    if (!this.connected || this.#exchanges.size >= limits.redeems) return Promise.resolve(undefined)
    const request = this.#nextRequest++
    return new Promise((resolve) => {
      const end: Exchange = (answer) => {
        clearTimeout(timer)
        this.#exchanges.delete(request)
        resolve(answer)
      }
      const timer = setTimeout(() => end(undefined), limits.redeemMs)
      this.#exchanges.set(request, end)
      this.#subscription.send({ type: 'redeem', request, code, host, hash } satisfies WorkerReport)
    })
  }

  /** Ends the connection. The table stays. */
  async stop(reason: string): Promise<void> {
    this.#subscription.send({ type: 'bye', reason } satisfies WorkerReport)
    await Promise.all([this.#subscription.stop(), this.#etcdLink?.stop()])
    this.#endExchanges()
    await this.#options.file?.close()
  }

  /** The coordinator to try, `http:` or `https:`. */
  get coordinator(): string {
    const { coordinators } = this.#options
    return coordinators[this.#attempt % coordinators.length] as string
  }

  #nextUrl(): string {
    const url = new URL(WORKERS_CONNECT_PATH, this.coordinator)
    url.protocol = url.protocol.replace('http', 'ws')
    return url.href
  }

  /** Has the newest table served. `message` has led to that of the coordinator. */
  #serve(message?: SnapshotMessage | DeltaMessage): void {
    const before = this.#served
    const served = mergeTables(this.#linked, this.#etcdTable)
    if (served === undefined) return
    if (message === undefined && served === before) return
    const isStep = message?.type === 'delta' && served === this.#linked && before === this.#previous
    this.#previous = this.#linked
    this.#served = served
    this.#options.file?.save(served)
    const delta = isStep ? message.changes : diffTables(before?.table ?? EMPTY_WORKER_TABLE, served.table)
    this.#options.onTable(served.table, delta ?? {})
    if (delta?.workers !== undefined) this.#etcdLink?.register(served.table.workers)
  }

  #introduce(): void {
    for (const report of this.#options.introduce()) this.#subscription.send(report)
  }

  #notice(notice: CoordinatorNotice): void {
    if (notice.type === 'redeemed') this.#exchanges.get(notice.request)?.(answerOf(notice))
    else this.#options.onNotice(notice)
  }

  #down(detail: unknown): void {
    this.#attempt++
    this.#overflowed = false
    this.#endExchanges()
    if (detail === 401) this.#options.onUnknown()
  }

  #endExchanges(): void {
    for (const end of this.#exchanges.values()) end(undefined)
  }
}

const answerOf = ({ session, refusal }: Extract<CoordinatorNotice, { type: 'redeemed' }>): Redeemed =>
  session === undefined ? { refusal: refusal ?? 'The code is not valid.' } : { session }
