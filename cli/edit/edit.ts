import { isDeepStrictEqual } from 'node:util'
import { composeText } from '@branchline/runtime/local/manifests/yaml'
import { Evaluation, isMergeKey, keyOf, ValueError } from '@branchline/runtime/local/manifests/yaml-value'
import { isMap, isSeq, type YAMLMap, type YAMLSeq } from 'yaml'
import { alignLists } from './align.ts'
import { type Entry, entriesOf, isBlock, isNothing, rootEntry } from './entries.ts'
import { formatFlow } from './format.ts'
import { lineStart } from './lines.ts'
import { type Splice, spliceBlock, spliceFlow, type Splices } from './splices.ts'
import { type Style, styleOf } from './style.ts'

/**
 * The original texts of values, by JSON pointers (RFC 6901) into the original value. `null` means that the map had no
 * such key of its own, only by a merge key.
 */
export type Sources = Readonly<Record<string, string | null>>

export interface EditOptions {
  /** Texts to write for values that are equal to them. Default: none. */
  readonly sources?: Sources
  /** Whether the edit undoes an earlier one, so that pointers lead into the wanted value. Default: false. */
  readonly isUndo?: boolean
}

export interface Edited {
  readonly text: string
  /** The values that were replaced, with their old texts. */
  readonly replaced: Sources
}

/** The text cannot be edited to the wanted value. The message is the rest of a sentence that begins with "because". */
export class EditError extends Error {}

/**
 * Changes one document of YAML or JSON from the value that it has to another one. Replaces, inserts and deletes only what
 * differs. Everything else stays byte for byte. Throws an {@link EditError} if the result would not be the wanted value.
 */
export function editText(text: string, wanted: unknown, options: EditOptions = {}): Edited {
  const root = composeText(text)?.contents
  if (root === null || root === undefined) throw new EditError('it is empty')
  const editor = new Editor(text, styleOf(text, root), options)
  try {
    editor.edit(rootEntry(root, text), wanted, '')
    const edited = apply(text, editor.splices)
    if (!isDeepStrictEqual(valueOf(edited), wanted)) {
      throw new EditError('its anchors, tags or duplicate keys do not allow the change')
    }
    return { text: edited, replaced: editor.replaced }
  } catch (error) {
    if (error instanceof ValueError || error instanceof Unsupported) throw new EditError(error.message)
    throw error
  }
}

/** Returns the value of one document. Throws an {@link EditError} if it is not valid. */
function valueOf(text: string): unknown {
  const document = composeText(text)
  const [error] = document?.errors ?? []
  if (error !== undefined) throw new EditError(`the change would make it invalid: ${error.message}`)
  return new Evaluation().valueOf(document?.contents)
}

function apply(text: string, splices: readonly Splice[]): string {
  let result = ''
  let at = 0
  // Equal offsets keep their order: inner insertions come before outer ones.
  for (const splice of splices.toSorted((one, other) => one.start - other.start)) {
    if (splice.start < at) throw new EditError('two of its changes overlap')
    result += text.slice(at, splice.start) + splice.text
    at = splice.end
  }
  return result + text.slice(at)
}

/** The change cannot be made inside of this list or map, so it has to be replaced. */
class Unsupported extends Error {}

class Editor {
  readonly #text: string
  readonly #style: Style
  readonly #options: EditOptions
  #evaluation = new Evaluation()
  splices: Splice[] = []
  replaced: Record<string, string | null> = {}

  constructor(text: string, style: Style, options: EditOptions) {
    this.#text = text
    this.#style = style
    this.#options = options
  }

  edit(entry: Entry, wanted: unknown, pointer: string): void {
    const { value: node } = entry
    if (this.#restore(entry, wanted, pointer)) return
    if (!this.#editInside(entry, wanted, pointer)) {
      if (isDeepStrictEqual(this.#evaluation.valueOf(node), wanted)) return
      this.#replace(entry, wanted, pointer)
    }
    // Aliases stand for the new value.
    const anchor = (node as { anchor?: string } | null)?.anchor
    if (anchor !== undefined) this.#evaluation.anchors.set(anchor, wanted)
  }

  /** Writes the recorded text of a value, if it still means the wanted value. */
  #restore(entry: Entry, wanted: unknown, pointer: string): boolean {
    const source = this.#options.sources?.[pointer]
    if (source === undefined || source === null) return false
    const fork = readings(source, this.#evaluation).find((reading) =>
      isDeepStrictEqual(reading.value, wanted),
    )
    if (fork === undefined) return false
    this.#evaluation = fork.evaluation
    this.splices.push({ start: entry.valueFrom, end: entry.end, text: source })
    return true
  }

  /** Changes a list or a map entry by entry. Returns false, without a change, if that is not possible. */
  #editInside({ value: node }: Entry, wanted: unknown, pointer: string): boolean {
    const isSameMap = isMap(node) && isRecord(wanted) && Object.keys(wanted).length > 0
    const isSameList = isSeq(node) && Array.isArray(wanted) && wanted.length > 0
    if ((!isSameMap && !isSameList) || node.items.length === 0) return false
    const { splices, replaced } = this
    const before = this.#evaluation
    this.splices = []
    this.replaced = {}
    this.#evaluation = before.fork()
    try {
      if (isMap(node)) this.#editMap(node, wanted as Record<string, unknown>, pointer)
      else this.#editList(node, wanted as readonly unknown[], pointer)
      this.splices = [...splices, ...this.splices]
      this.replaced = { ...replaced, ...this.replaced }
      return true
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error
      this.splices = splices
      this.replaced = replaced
      this.#evaluation = before
      return false
    }
  }

  #editMap(node: YAMLMap, wanted: Readonly<Record<string, unknown>>, pointer: string): void {
    const { last, merged } = this.#readKeys(node)
    const entries = entriesOf(node, this.#text)
    const deleted = new Set<number>()
    for (const [index, pair] of node.items.entries()) {
      if (isMergeKey(pair)) {
        merged.set(index, mergedBy(this.#evaluation, pair.value))
        continue
      }
      const key = keyOf(pair, this.#evaluation)
      const entry = entries[index] as Entry
      if (last.get(key) !== index) this.#evaluation.valueOf(pair.value)
      else if (!Object.hasOwn(wanted, key) || this.#isOnlyMerged(pointer, key)) deleted.add(index)
      else this.edit(entry, wanted[key], `${pointer}/${escaped(key)}`)
    }
    const inserted: [string, unknown][] = []
    for (const [key, value] of Object.entries(wanted)) {
      const index = last.get(key)
      if (index === undefined) inserted.push([key, value])
      else if (merged.has(index) && !isDeepStrictEqual(merged.get(index)?.[key], value)) {
        inserted.push([key, value])
        this.replaced[`${pointer}/${escaped(key)}`] = null
      }
    }
    for (const [key, index] of last) {
      if (merged.has(index) && !Object.hasOwn(wanted, key)) throw new Unsupported(`${key} is merged`)
    }
    this.#splice(node, entries, { deleted, insertedPairs: inserted, insertedItems: new Map() })
  }

  #isOnlyMerged(pointer: string, key: string): boolean {
    return this.#options.sources?.[`${pointer}/${escaped(key)}`] === null
  }

  /** Finds the pair that sets each key. Merge keys count as pairs. */
  #readKeys(node: YAMLMap): {
    last: Map<string, number>
    merged: Map<number, Record<string, unknown>>
  } {
    const last = new Map<string, number>()
    const merged = new Map<number, Record<string, unknown>>()
    const fork = this.#evaluation.fork()
    for (const [index, pair] of node.items.entries()) {
      if (isMergeKey(pair)) {
        const all = mergedBy(fork, pair.value)
        merged.set(index, all)
        for (const key of Object.keys(all)) last.set(key, index)
      } else {
        last.set(keyOf(pair, fork), index)
        fork.valueOf(pair.value)
      }
    }
    return { last, merged }
  }

  #editList(node: YAMLSeq, wanted: readonly unknown[], pointer: string): void {
    const fork = this.#evaluation.fork()
    const before = node.items.map((item) => fork.valueOf(item))
    const matches = new Map(alignLists(before, wanted).map((match) => [match.before, match.after]))
    const entries = entriesOf(node, this.#text)
    const deleted = new Set<number>()
    // Items to insert, by the index of the item before which they belong.
    const insertedItems = new Map<number, unknown[]>()
    let next = 0
    for (const [index, entry] of entries.entries()) {
      const after = matches.get(index)
      if (after === undefined) {
        deleted.add(index)
        continue
      }
      if (after > next) insertedItems.set(index, wanted.slice(next, after))
      next = after + 1
      this.edit(entry, wanted[after], `${pointer}/${this.#options.isUndo === true ? after : index}`)
    }
    if (next < wanted.length) insertedItems.set(entries.length, wanted.slice(next))
    this.#splice(node, entries, { deleted, insertedPairs: [], insertedItems })
  }

  #splice(node: YAMLMap | YAMLSeq, entries: readonly Entry[], changes: Splices): void {
    const splice = isBlock(node) ? spliceBlock : spliceFlow
    const spliced = splice(this.#text, entries, changes, this.#style)
    if (spliced === undefined) throw new Unsupported('its lines cannot be edited one by one')
    this.splices.push(...spliced)
  }

  #replace({ value: node, valueFrom, end, start }: Entry, wanted: unknown, pointer: string): void {
    const text = this.#text
    const old = text.slice(valueFrom, end)
    const space = /^[ \t]*/.exec(old)?.[0] ?? ''
    const isInline = valueFrom === start || (!isNothing(node) && !isBlock(node))
    const lead = isInline ? space : ' '
    const base = /^[ \t]*/.exec(text.slice(lineStart(text, start)))?.[0] ?? ''
    const write = (value: unknown): string => lead + formatFlow(value, base, this.#style)
    const before = this.#evaluation.fork().valueOf(node)
    this.splices.push({ start: valueFrom, end, text: write(wanted) })
    // Lists, maps and null may be lost where an undoing removes what is empty.
    const isCommon = before !== null && typeof before !== 'object' && old === write(before)
    if (!isCommon) this.replaced[pointer] = old
  }
}

interface Reading {
  readonly value: unknown
  readonly evaluation: Evaluation
}

/** Reads a recorded text as the value of a key, as the item of a list, or by itself. */
function readings(source: string, evaluation: Evaluation): Reading[] {
  return ['k:', '-', ''].flatMap((prefix) => {
    const document = composeText(prefix + source)
    const { contents } = document ?? {}
    if (document === undefined || document.errors.length > 0) return []
    const fork = evaluation.fork()
    try {
      if (prefix === '') return [{ value: fork.valueOf(contents), evaluation: fork }]
      const items = (isMap(contents) || isSeq(contents)) && contents.flow !== true ? contents.items : []
      if (items.length !== 1) return []
      const node = isMap(contents) ? contents.items[0]?.value : items[0]
      return [{ value: fork.valueOf(node), evaluation: fork }]
    } catch {
      return []
    }
  })
}

/** Returns all that a merge key adds. */
function mergedBy(evaluation: Evaluation, node: unknown): Record<string, unknown> {
  const all: Record<string, unknown> = {}
  for (const map of evaluation.mergedMaps(node)) Object.assign(all, map)
  return all
}

const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
