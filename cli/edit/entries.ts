import {
  type CST,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'

/** The place of a key with its value, or of an item of a list, in the text. */
export interface Entry {
  /** The offset of the key, of the dash, or of an item of a flow list. */
  readonly start: number
  readonly value: Node | null
  /** The offset after the colon or the dash, and after an anchor or a tag. The text from here to `end` is the value. */
  readonly valueFrom: number
  readonly end: number
}

type Collection = YAMLMap | YAMLSeq

/** Returns the place of the root of a document. */
export const rootEntry = (root: Node, text: string): Entry => ({
  start: startOf(root),
  value: root,
  valueFrom: startOf(root),
  end: endOf(root, text),
})

/** Returns the entries of a collection, in the order of its items. */
export function entriesOf(node: Collection, text: string): Entry[] {
  if (isMap(node)) return node.items.map((pair) => entryOfPair(pair, text))
  const tokens = itemTokens(node)
  return node.items.map((item, index) => entryOfItem(item as Node, tokens[index], text))
}

function lastEntryOf(node: Collection, text: string): Entry | undefined {
  if (isMap(node)) return node.items.length === 0 ? undefined : entryOfPair(node.items.at(-1) as Pair, text)
  return node.items.length === 0
    ? undefined
    : entryOfItem(node.items.at(-1) as Node, itemTokens(node).at(-1), text)
}

/** Reports whether a node is a list or a map of several lines without brackets. */
export const isBlock = (node: Node | null): node is Collection =>
  (isMap(node) || isSeq(node)) && node.flow !== true

/** Reports whether a value is written as nothing, as in `key:`. */
export const isNothing = (node: Node | null): boolean =>
  node === null || (isScalar(node) && node.range?.[0] === node.range?.[1])

function entryOfPair(pair: Pair, text: string): Entry {
  const key = pair.key as Node
  const { start: before = [], sep = [] } = pair.srcToken ?? {}
  const first = before.find(({ type }) => type === 'explicit-key-ind' || isProperty(type))
  const colon = sep.find(({ type }) => type === 'map-value-ind')
  const keyEnd = colon === undefined ? endOf(key, text) : endOfToken(colon)
  const after = colon === undefined ? [] : sep.slice(sep.indexOf(colon) + 1)
  return placed(first?.offset ?? startOf(key), pair.value as Node | null, keyEnd, after, text)
}

function entryOfItem(item: Node, token: CST.CollectionItem | undefined, text: string): Entry {
  const tokens = token?.start ?? []
  const dash = tokens.find(({ type }) => type === 'seq-item-ind')
  const first = dash ?? tokens.find(({ type }) => isProperty(type))
  const start = first?.offset ?? startOf(item)
  if (dash !== undefined) {
    return placed(start, item, endOfToken(dash), tokens.slice(tokens.indexOf(dash) + 1), text)
  }
  return placed(start, item, start, tokens, text)
}

function placed(
  start: number,
  value: Node | null,
  from: number,
  tokens: readonly CST.SourceToken[],
  text: string,
): Entry {
  const property = tokens.findLast(({ type }) => isProperty(type))
  const valueFrom = property === undefined ? from : endOfToken(property)
  return { start, value, valueFrom, end: isNothing(value) ? valueFrom : endOf(value as Node, text) }
}

const isProperty = (type: string): boolean => type === 'anchor' || type === 'tag'

const endOfToken = ({ offset, source }: CST.SourceToken): number => offset + source.length

/** The tokens of a list's items, without those that contain only a comment. */
function itemTokens(node: YAMLSeq): CST.CollectionItem[] {
  const token = node.srcToken as CST.BlockSequence | CST.FlowCollection | undefined
  const items: readonly CST.CollectionItem[] = token?.items ?? []
  return items.filter(
    ({ start, key, sep, value }) =>
      value !== undefined ||
      sep !== undefined ||
      (key !== undefined && key !== null) ||
      start.some(({ type }) => type === 'seq-item-ind' || isProperty(type)),
  )
}

const startOf = (node: Node): number => node.range?.[0] ?? 0

/** Returns the offset after the last character of a node, without the comment and the line break behind it. */
function endOf(node: Node, text: string): number {
  if (isBlock(node)) {
    const last = lastEntryOf(node, text)
    if (last !== undefined) return last.end
  }
  const end = node.range?.[1] ?? 0
  const isLiteral = !isAlias(node) && isScalar(node) && node.type?.startsWith('BLOCK_') === true
  if (!isLiteral || text[end - 1] !== '\n') return end
  return text[end - 2] === '\r' ? end - 2 : end - 1
}
