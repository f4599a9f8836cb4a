/** What every subscriber sends: who it is, once and first, then the epochs that it serves. */
export type SubscriberMessage = { readonly type: 'hello' } | { readonly type: 'ack'; readonly epoch: number }

/**
 * How a publisher writes one kind of table. `Memo` lives for one publication: it remembers what several subscribers'
 * changes have in common. `Other` is what subscribers send apart from a {@link SubscriberMessage}.
 */
export interface PublisherProtocol<Table, Memo, Other extends { readonly type: string } = never> {
  /** The most bytes of a message to a subscriber; a table that needs more closes with 1009. */
  readonly maxMessageBytes: number
  /** The message that gives a subscriber its table. */
  snapshot(epoch: number, table: Table): string
  /** Whether a delta can say this change; a snapshot is sent otherwise. */
  isDelta(change: Change<Table>): boolean
  /** The message that leads from the table of epoch `from` to the one of `epoch`; undefined where both say the same. */
  delta(from: number, epoch: number, change: Change<Table>, memo: Memo): string | undefined
  /** Reads a subscriber's message; undefined where it is none. */
  read(text: string): SubscriberMessage | Other | undefined
}

/** The table of a subscriber before and after a change. */
export interface Change<Table> {
  readonly before: Table
  readonly after: Table
}
