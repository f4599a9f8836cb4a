import { type Document, isMap, isNode, isPair, type LineCounter, type Node } from 'yaml'

/** The line of the value at a path of a document, or of its nearest part that exists. Lines count from 1. */
export function lineAt(
  lines: LineCounter,
  document: Document.Parsed | undefined,
  path: readonly (string | number)[],
): number {
  const node = document === undefined ? null : nodeAt(document, path)
  const range = node?.range
  return range ? lines.linePos(range[0]).line : 1
}

/** The node at a path, or at its nearest existing part. For a field it is the key, which has the right line. */
function nodeAt(document: Document.Parsed, path: readonly (string | number)[]): Node | null {
  let node: unknown = document.contents
  let found: unknown = node
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && String(item.key) === String(part))
      if (pair === undefined) break
      found = pair.key
      node = pair.value
    } else {
      const item = (node as { items?: unknown[] } | null)?.items?.[Number(part)]
      if (item === undefined) break
      found = node = item
    }
  }
  return isNode(found) ? found : null
}
