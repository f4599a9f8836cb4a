import { readFile } from 'node:fs/promises'
import type { Hop } from '@branchline/wire/explain'
import type { ManagerMessage, RouteDelta } from '@branchline/wire/routes/messages'
import { MAX_ROUTES_MESSAGE, ROUTES_SUBPROTOCOL } from '@branchline/wire/routes/protocol'
import { readManagerMessage } from '@branchline/wire/routes/read'
import type { KnownPath, TrafficReport } from '@branchline/wire/routes/traffic'
import type { Logger } from '../../process/log.ts'
import { Subscription, type SubscriptionLimits, type SubscriptionState } from '../../pushed/subscription.ts'
import { PendingQueries } from './pending-queries.ts'
import { RouteTableError, Table } from './table.ts'

/** The address of the manager, and the limits of the connection to it. */
export interface LinkOptions {
  readonly url: string
  readonly tokenFile: string
  /** The ports on which this sidecar listens. */
  readonly inbound: readonly number[]
  readonly version: string
  readonly logger: Logger
  /** Called in the same turn in which a table takes effect, before it is acknowledged. */
  readonly onTable?: (table: Table) => void
  /** Called when a manager is connected that accepts reports of traffic. */
  readonly onObserved?: () => void
  readonly limits?: Partial<SubscriptionLimits> | undefined
}

/** While more bytes than this wait to be sent, hops and reports of traffic are dropped. */
const MAX_UNSENT_REPORTS = 64 * 1024

type SnapshotMessage = Extract<ManagerMessage, { type: 'snapshot' }>
type HopsMessage = Extract<ManagerMessage, { type: 'hops' }>

/** The sidecar's end of the route-table protocol (wire/SPEC.md, section 4): its routes, and its queries of hops. */
export class ManagerLink {
  readonly #subscription: Subscription<Table, SnapshotMessage, RouteDelta, HopsMessage>
  readonly #pending = new PendingQueries()
  /** Whether the connected manager accepts hops. */
  #explains = false
  /** Whether it accepts reports of traffic. */
  #observes = false

  constructor({ url, tokenFile, inbound, version, logger, onTable, onObserved, limits }: LinkOptions) {
    this.#subscription = new Subscription<Table, SnapshotMessage, RouteDelta, HopsMessage>({
      url,
      subprotocol: ROUTES_SUBPROTOCOL,
      token: async () => (await readFile(tokenFile, 'utf8')).trim(),
      maxMessageBytes: MAX_ROUTES_MESSAGE,
      limits,
      logger,
      words: { publisher: 'manager', table: 'route table' },
      protocol: {
        hello: () => ({ type: 'hello', inbound, version }),
        read: readManagerMessage,
        compile: (message: SnapshotMessage) => new Table(message.table),
        apply: (table, delta: RouteDelta) => table.apply(delta),
        gap: outOfStep,
      },
      onTable: (table, message) => {
        if (message.type === 'snapshot') {
          this.#explains = message.explains === true
          this.#observes = message.observes === true
          if (this.#observes) onObserved?.()
        }
        onTable?.(table)
      },
      onOther: ({ trace, hops, missed, tcp }) =>
        this.#pending.resolve(trace, { hops: [...hops], missed, tcp }),
      onDown: () => {
        this.#explains = false
        this.#observes = false
      },
    })
  }

  get state(): SubscriptionState {
    return this.#subscription.state
  }

  /** The current table. Undefined before the first snapshot. */
  get table(): Table | undefined {
    return this.#subscription.table
  }

  start(): void {
    this.#subscription.start()
  }

  /** Reports a hop if the manager accepts hops and keeps up. Otherwise the hop is dropped. */
  report(trace: string, hop: Hop): void {
    const { unsentBytes } = this.#subscription
    if (this.#explains && unsentBytes !== undefined && unsentBytes < MAX_UNSENT_REPORTS) {
      this.#subscription.send({ type: 'hop', trace, hop })
    }
  }

  /** Whether the manager accepts reports of traffic and keeps up. */
  get observes(): boolean {
    return this.#observes && (this.#subscription.unsentBytes ?? Infinity) < MAX_UNSENT_REPORTS
  }

  reportTraffic(report: TrafficReport): void {
    this.#subscription.send(report)
  }

  /** Queries the manager for what it knows of a trace. Undefined if it cannot be queried or does not respond. */
  hops(trace: string): Promise<KnownPath | undefined> {
    if (!this.#explains || this.#subscription.unsentBytes === undefined) return Promise.resolve(undefined)
    return this.#pending.query(trace, () => this.#subscription.send({ type: 'hops', trace }))
  }

  /** Closes the connection and stops connecting. The table stays. */
  stop(): Promise<void> {
    return this.#subscription.stop()
  }
}

function outOfStep({ from, epoch }: RouteDelta, table: Table | undefined): RouteTableError {
  const at = table === undefined ? 'there is no table' : `the table is at ${table.epoch}`
  return new RouteTableError('BL_ROUTES_GAP', `delta from epoch ${from} to ${epoch}, ${at}`)
}
