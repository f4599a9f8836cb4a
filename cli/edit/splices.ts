import type { Entry } from './entries.ts'
import { formatFlow, formatFlowPair, formatItem, formatPair } from './format.ts'
import { leadOf, lineBreak, lineEnd, lineStart } from './lines.ts'
import { columnOf, type Style } from './style.ts'

/** A text that takes the place of `start` to `end`. */
export interface Splice {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Changes of the entries of one list or map. */
export interface Splices {
  /** The indices of entries to delete. At least one entry stays, or is inserted. */
  readonly deleted: ReadonlySet<number>
  /** Keys and values to add to a map, at its end. */
  readonly insertedPairs: readonly (readonly [string, unknown])[]
  /** Items to add to a list, by the index of the item before which they belong. */
  readonly insertedItems: ReadonlyMap<number, readonly unknown[]>
}

/**
 * Changes a list or a map without brackets. An insertion adds whole lines, and a deletion removes whole lines, so that
 * one undoes the other. Returns undefined if an entry shares its line with something else.
 */
export function spliceBlock(
  text: string,
  entries: readonly Entry[],
  { deleted, insertedPairs, insertedItems }: Splices,
  style: Style,
): Splice[] | undefined {
  const [first] = entries
  if (first === undefined) return undefined
  const column = columnOf(text, first)
  const splices: Splice[] = []
  for (const [from, to] of runsOf(deleted)) {
    const splice = deletedLines(text, entries, from, to)
    if (splice === undefined) return undefined
    splices.push(splice)
  }
  for (const [index, items] of insertedItems) {
    const lines = items.map((item) => formatItem(item, column, style))
    const entry = entries[index]
    if (entry === undefined) splices.push(linesAtEnd(text, entries, lines))
    else if (leadOf(text, entry.start) === undefined) return undefined
    else splices.push(linesBefore(text, entry, lines))
  }
  if (insertedPairs.length > 0) {
    const lines = insertedPairs.map(([key, value]) => formatPair(key, value, column, style))
    splices.push(linesAtEnd(text, entries, lines))
  }
  return splices
}

function linesAtEnd(text: string, entries: readonly Entry[], lines: readonly string[]): Splice {
  const at = lineEnd(text, (entries.at(-1) as Entry).end)
  const eol = text.startsWith('\r\n', at) ? '\r\n' : text[at] === '\n' ? '\n' : lineBreak(text, at)
  return { start: at, end: at, text: lines.map((line) => eol + line).join('') }
}

function linesBefore(text: string, { start }: Entry, lines: readonly string[]): Splice {
  const at = lineStart(text, start)
  const eol = lineBreak(text, at)
  return { start: at, end: at, text: lines.map((line) => line + eol).join('') }
}

function deletedLines(text: string, entries: readonly Entry[], from: number, to: number): Splice | undefined {
  const { start } = entries[from] as Entry
  const { end } = entries[to] as Entry
  if (leadOf(text, start) === undefined) {
    // The first key of an item shares the line of its dash. The next key takes its place.
    const next = entries[to + 1]
    return from === 0 && next !== undefined ? { start, end: next.start, text: '' } : undefined
  }
  const line = lineStart(text, start)
  if (line === 0) return { start: 0, end: text.indexOf('\n', end) + 1 || text.length, text: '' }
  return { start: line - (text[line - 2] === '\r' ? 2 : 1), end: lineEnd(text, end), text: '' }
}

/**
 * Changes a list or a map with brackets. An insertion is `, entry` after the last entry, or `entry, ` before another one,
 * and a deletion removes the same. Returns undefined if no entry stays.
 */
export function spliceFlow(
  text: string,
  entries: readonly Entry[],
  { deleted, insertedPairs, insertedItems }: Splices,
  style: Style,
): Splice[] | undefined {
  if (deleted.size === entries.length) return undefined
  const splices: Splice[] = []
  for (const [from, to] of runsOf(deleted)) {
    const next = entries[to + 1]
    const start = next === undefined ? (entries[from - 1] as Entry).end : (entries[from] as Entry).start
    splices.push({ start, end: next === undefined ? (entries[to] as Entry).end : next.start, text: '' })
  }
  const separator = separatorOf(text, entries, style)
  const base = /[\n]([ \t]*)$/.exec(separator)?.[1]
  // Values of entries in one line stay in that line.
  const inner = base === undefined ? { ...style, flowIndent: undefined } : style
  for (const [index, items] of insertedItems) {
    const parts = items.map((item) => formatFlow(item, base ?? '', inner))
    splices.push(partsAt(entries, index, parts, separator))
  }
  const pairs = insertedPairs.map(([key, value]) => formatFlowPair(key, value, base ?? '', inner))
  if (pairs.length > 0) splices.push(partsAt(entries, entries.length, pairs, separator))
  return splices
}

function partsAt(
  entries: readonly Entry[],
  index: number,
  parts: readonly string[],
  separator: string,
): Splice {
  const before = entries[index]
  if (before !== undefined) {
    const at = before.start
    return { start: at, end: at, text: parts.map((part) => part + separator).join('') }
  }
  const at = (entries.at(-1) as Entry).end
  return { start: at, end: at, text: parts.map((part) => separator + part).join('') }
}

/** Returns the comma with the white space behind it: a new line if the last entry begins one. */
function separatorOf(text: string, entries: readonly Entry[], style: Style): string {
  const last = entries.at(-1) as Entry
  const lead = leadOf(text, last.start)
  return lead === undefined ? style.comma : `,${lineBreak(text, last.start)}${lead}`
}

/** Returns the first and the last index of each run of consecutive indices. */
function runsOf(indices: ReadonlySet<number>): [number, number][] {
  const runs: [number, number][] = []
  for (const index of [...indices].toSorted((one, other) => one - other)) {
    const run = runs.at(-1)
    if (run !== undefined && run[1] === index - 1) run[1] = index
    else runs.push([index, index])
  }
  return runs
}
