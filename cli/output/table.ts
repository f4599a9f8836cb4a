import { wrapped } from './wrap.ts'

/** What a cell means, which a terminal shows as a colour. */
export type Tone = 'good' | 'bad' | 'warning' | 'dim'

export type Cell = string | { readonly text: string; readonly tone: Tone }

export interface Column {
  readonly title: string
  /** Shown only with `-o wide`. */
  readonly wide?: boolean
  /** Cut to this many characters, if the table is too wide otherwise. */
  readonly shrink?: number
  /** Left out if the table is still too wide. A higher number goes first. */
  readonly drop?: number
  /** Moved to lines of its own, if the table is still too wide. Never cut: a URL, for example. */
  readonly spill?: boolean
}

export interface Row {
  /** One for each column. */
  readonly cells: readonly Cell[]
  /** Sentences below the row, each on its own lines. */
  readonly notes?: readonly string[]
}

export interface TableOptions {
  /** Whether to show the columns of `-o wide`. Default: false. */
  readonly wide?: boolean
  /** The columns of the terminal. Default: no limit. */
  readonly width?: number
  /** Whether to show the titles. Default: true. */
  readonly header?: boolean
  /** Colours a text. Default: as it is. */
  readonly paint?: (tone: Tone, text: string) => string
  /** Widths of an earlier table, so that further rows align with it. */
  readonly like?: TableLayout
}

/** The columns that a table shows, and their widths in characters. */
export interface TableLayout {
  readonly shown: readonly { readonly index: number; readonly width: number }[]
  readonly spilled: readonly number[]
}

/** The characters between two columns, as in kubectl. */
const GAP = 3
const NOTE_INDENT = '  '

/** Formats a table without borders, in the style of kubectl. Ends with a newline. */
export function tableText(
  columns: readonly Column[],
  rows: readonly Row[],
  options: TableOptions = {},
): string {
  const layout = options.like ?? layoutOf(columns, rows, options)
  const titles = { cells: columns.map(({ title }) => title) }
  const header = options.header === false ? [] : [lineOf(titles, layout, options)]
  return [...header, ...rows.flatMap((row) => linesOf(row, layout, options))]
    .map((line) => `${line}\n`)
    .join('')
}

/** Decides which columns fit. The order of sacrifices: shrink, drop, spill. */
export function layoutOf(
  columns: readonly Column[],
  rows: readonly Row[],
  { wide = false, width = Number.POSITIVE_INFINITY }: TableOptions,
): TableLayout {
  let shown = columns
    .map((column, index) => ({ index, column, width: widthOf(column, index, rows) }))
    .filter(({ column }) => wide || column.wide !== true)
  const excess = (): number => shown.reduce((sum, one) => sum + one.width + GAP, -GAP) - width
  for (const one of shown) {
    const { shrink } = one.column
    if (shrink === undefined || excess() <= 0) continue
    one.width = Math.min(one.width, Math.max(shrink, one.column.title.length, one.width - excess()))
  }
  for (const { column } of shown.toSorted((a, b) => (b.column.drop ?? 0) - (a.column.drop ?? 0))) {
    if (column.drop === undefined || excess() <= 0) continue
    shown = shown.filter((one) => one.column !== column)
  }
  const spilled: number[] = []
  for (const one of shown.toReversed()) {
    if (one.column.spill !== true || excess() <= 0) continue
    shown = shown.filter((other) => other !== one)
    spilled.unshift(one.index)
  }
  return { shown: shown.map((one) => ({ index: one.index, width: one.width })), spilled }
}

const textOf = (cell: Cell | undefined): string => (typeof cell === 'object' ? cell.text : (cell ?? ''))

const widthOf = ({ title }: Column, index: number, rows: readonly Row[]): number =>
  Math.max(title.length, ...rows.map(({ cells }) => textOf(cells[index]).length))

function linesOf(row: Row, layout: TableLayout, options: TableOptions): string[] {
  const spilled = layout.spilled
    .map((index) => textOf(row.cells[index]))
    .filter((text) => text !== '' && text !== NONE)
    .map((text) => `${NOTE_INDENT}${text}`)
  const notes = (row.notes ?? []).flatMap((note) => wrapped(note, options.width, NOTE_INDENT))
  return [lineOf(row, layout, options), ...spilled, ...notes]
}

function lineOf({ cells }: Row, { shown }: TableLayout, { paint }: TableOptions): string {
  return shown
    .map(({ index, width }, place) => {
      const cell = cells[index]
      const text = cut(textOf(cell), width)
      const padding = place === shown.length - 1 ? '' : ' '.repeat(width - text.length + GAP)
      return (typeof cell === 'object' && paint !== undefined ? paint(cell.tone, text) : text) + padding
    })
    .join('')
    .trimEnd()
}

// A row that arrives later may be wider than the layout.
const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`

/** The text of an empty cell. */
export const NONE = '-'
