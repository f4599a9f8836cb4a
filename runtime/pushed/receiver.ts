/** How a subscriber holds one kind of table. Both throw where they cannot take a message, and have then changed nothing. */
export interface ReceiverProtocol<Table, Snapshot, Delta extends Step> {
  /** The table of a snapshot. */
  compile(snapshot: Snapshot): Table
  /** The table to which a delta leads: another one, or the same one changed within this call. */
  apply(table: Table, delta: Delta): Table
}

/** A delta leads from one epoch to a later one. */
export interface Step {
  readonly from: number
  readonly epoch: number
}

/**
 * The table that a subscriber serves. A snapshot replaces it whole; a delta is applied whole or not at all, and only
 * to the table of the epoch that it leads from. Without a publisher the last table stays.
 */
export class Receiver<Table extends { readonly epoch: number }, Snapshot, Delta extends Step> {
  readonly #protocol: ReceiverProtocol<Table, Snapshot, Delta>
  #table: Table | undefined
  /** Whether the connection at hand has brought a snapshot: a delta on an older table does not count. */
  #current = false

  constructor(protocol: ReceiverProtocol<Table, Snapshot, Delta>) {
    this.#protocol = protocol
  }

  /** The table to serve; undefined before the first snapshot. */
  get table(): Table | undefined {
    return this.#table
  }

  /** Whether the connection at hand has brought a snapshot. */
  get current(): boolean {
    return this.#current
  }

  /** A new connection: its first message must be a snapshot. */
  reconnected(): void {
    this.#current = false
  }

  /** Returns the table, whose epoch is to be acknowledged. Throws where the snapshot cannot be taken. */
  takeSnapshot(snapshot: Snapshot): Table {
    this.#table = this.#protocol.compile(snapshot)
    this.#current = true
    return this.#table
  }

  /**
   * Returns the table, whose epoch is to be acknowledged; undefined where the delta does not follow on it, and then a
   * snapshot is needed. Throws where the delta cannot be taken.
   */
  takeDelta(delta: Delta): Table | undefined {
    const table = this.#current ? this.#table : undefined
    if (table === undefined || delta.from !== table.epoch || delta.epoch <= delta.from) return undefined
    this.#table = this.#protocol.apply(table, delta)
    return this.#table
  }
}
