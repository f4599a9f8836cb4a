import { safely } from '../output/safely.ts'
import { layoutOf, type Row, tableText, type TableLayout } from '../output/table.ts'
import { Snapshots } from '../target/snapshot.ts'
import type { Target } from '../target/target.ts'
import type { Item, Listing } from '../view/listings.ts'
import { chosenOf, type GetOptions, type ListStyle, printedList } from './list.ts'

/** Prints the list, then a row for every item that appears or changes, until Ctrl-C. */
export async function watchList(
  target: Target,
  listing: Listing,
  names: readonly string[],
  options: GetOptions,
  style: ListStyle,
): Promise<void> {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const snapshots = new Snapshots()
  const printer = new RowPrinter(listing, options, style)
  let isSynced = false
  const namespace = listing.kinds.length > 1 ? undefined : options.namespace
  await target.watch(
    listing.kinds,
    namespace,
    (event) => {
      if (event.type === 'SYNCED') isSynced = true
      else snapshots.take(event)
      if (isSynced)
        process.stdout.write(printer.changes(chosenOf(listing, snapshots.current, names, options)))
    },
    stop.signal,
  )
}

/** Formats what has changed since the last time. */
export class RowPrinter {
  readonly #listing: Listing
  readonly #options: Pick<GetOptions, 'output'>
  readonly #style: ListStyle
  readonly #printed = new Map<string, string>()
  #layout: TableLayout | undefined

  constructor(listing: Listing, options: Pick<GetOptions, 'output'>, style: ListStyle) {
    this.#listing = listing
    this.#options = options
    this.#style = style
  }

  changes(items: readonly Item[]): string {
    const changed = items.filter((item) => this.#printed.get(item.id) !== this.#signature(item))
    const ids = new Set(items.map(({ id }) => id))
    for (const id of this.#printed.keys()) if (!ids.has(id)) this.#printed.delete(id)
    for (const item of changed) this.#printed.set(item.id, this.#signature(item))
    if (changed.length === 0) return ''
    const { output } = this.#options
    if (output !== undefined && output !== 'wide') {
      return changed
        .map((item) => printedList(this.#listing, [item], this.#options, this.#style, true))
        .join('')
    }
    return this.#table(changed.map(({ row }) => safely(row)))
  }

  /** The titles come once, and later rows align with the first ones. */
  #table(rows: readonly Row[]): string {
    const { columns } = this.#listing
    const header = this.#layout === undefined
    this.#layout ??= layoutOf(columns, rows, this.#style)
    return tableText(columns, rows, { ...this.#style, like: this.#layout, header })
  }

  /** What a user sees of an item, without its age. */
  #signature({ row }: Item): string {
    const age = this.#listing.columns.findIndex(({ title }) => title === 'AGE')
    return JSON.stringify([row.cells.filter((_, index) => index !== age), row.notes])
  }
}
