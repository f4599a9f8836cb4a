import { isMap, isSeq, type Node } from 'yaml'
import { type Entry, entriesOf, isBlock } from './entries.ts'
import { leadOf, lineBreak, lineStart } from './lines.ts'

/** How to write values into a text so that they look like their neighbours. */
export interface Style {
  readonly isJson: boolean
  /** The spaces of one level. */
  readonly indent: number
  /** Whether lists are indented below their key. */
  readonly indentLists: boolean
  /** The indentation of one level in JSON, or undefined if everything is in one line. */
  readonly flowIndent: string | undefined
  /** The colon between key and value in flow maps, with the space behind it. */
  readonly colon: string
  readonly comma: string
  readonly lineBreak: string
}

/** Returns the style of a document. */
export function styleOf(text: string, root: Node): Style {
  const found: Found = {}
  if (isBlock(root)) measure(root, text, found)
  const { indent = 2, indentLists = true } = found
  const common = { indent, indentLists, lineBreak: lineBreak(text, text.length) }
  const [first] = (isMap(root) && root.flow === true && entriesOf(root, text)) || []
  if (first === undefined || text[first.start] !== '"') {
    return { ...common, isJson: false, flowIndent: undefined, colon: ': ', comma: ', ' }
  }
  const lead = leadOf(text, first.start)
  const outer = lead === undefined ? '' : (leadOf(text, root.range?.[0] ?? 0) ?? '')
  const colon = `:${spaceBefore(text, first)}`
  return {
    ...common,
    isJson: true,
    flowIndent: lead?.slice(outer.length),
    colon,
    comma: `,${colon.slice(1)}`,
  }
}

interface Found {
  indent?: number
  indentLists?: boolean
}

/** Takes the first nested map and the first nested list as examples. */
function measure(node: Node, text: string, found: Found): void {
  if (!isBlock(node) || (found.indent !== undefined && found.indentLists !== undefined)) return
  for (const entry of entriesOf(node, text)) {
    const { value } = entry
    if (value === null || !isBlock(value)) continue
    const [first] = entriesOf(value, text)
    if (first === undefined) continue
    const depth = columnOf(text, first) - columnOf(text, entry)
    if (isMap(node) && isMap(value) && depth > 0) found.indent ??= depth
    if (isMap(node) && isSeq(value)) found.indentLists ??= depth > 0
    measure(value, text, found)
  }
}

/** Returns the column of an entry, from 0. */
export const columnOf = (text: string, { start }: Entry): number => start - lineStart(text, start)

function spaceBefore(text: string, { valueFrom, value }: Entry): string {
  const space = text.slice(valueFrom, value?.range?.[0] ?? valueFrom)
  return /^ *$/.test(space) ? space : ' '
}
