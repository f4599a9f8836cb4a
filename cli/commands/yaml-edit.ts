import { isDeepStrictEqual } from 'node:util'
import { MAX_ALIASES } from '@branchline/runtime/local/manifests/yaml'
import { type Document, isCollection, isScalar } from 'yaml'

type Path = readonly (string | number)[]

/**
 * Changes a document from one value to another. Edits only the nodes that differ, so that the comments, order and style
 * of other nodes stay. If anchors prevent that, it replaces the contents.
 */
export function editDocument(document: Document, before: unknown, after: unknown): void {
  try {
    edit(document, [], before, after)
  } catch {
    // The path leads through an alias. The comparison below finds that the document is not as wanted.
  }
  if (!isDeepStrictEqual(document.toJS({ maxAliasCount: MAX_ALIASES }), after))
    document.contents = document.createNode(after) as never
}

function edit(document: Document, path: Path, before: unknown, after: unknown): void {
  if (isDeepStrictEqual(before, after)) return
  if (Array.isArray(before) && Array.isArray(after)) editList(document, path, before, after)
  else if (isRecord(before) && isRecord(after)) editMap(document, path, before, after)
  else set(document, path, after)
}

function editMap(
  document: Document,
  path: Path,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): void {
  for (const name of Object.keys(before)) if (!(name in after)) document.deleteIn([...path, name])
  for (const [name, value] of Object.entries(after)) {
    if (name in before) edit(document, [...path, name], before[name], value)
    else set(document, [...path, name], value)
  }
}

function editList(
  document: Document,
  path: Path,
  before: readonly unknown[],
  after: readonly unknown[],
): void {
  for (let index = before.length - 1; index >= after.length; index--) document.deleteIn([...path, index])
  for (const [index, value] of after.entries()) {
    if (index < before.length) edit(document, [...path, index], before[index], value)
    else set(document, [...path, index], value)
  }
}

function set(document: Document, path: Path, value: unknown): void {
  const present: unknown = document.getIn(path, true)
  if (isScalar(present) && !isRecord(value) && !Array.isArray(value)) {
    // Changing the scalar keeps its comment.
    present.value = value
    return
  }
  const node = document.createNode(value)
  // An empty flow collection (`{}`, `[]`) that grows is written as a block.
  const parent: unknown = path.length > 1 ? document.getIn(path.slice(0, -1), true) : undefined
  if (isCollection(parent) && parent.items.length === 0) parent.flow = false
  document.setIn(path, node)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
