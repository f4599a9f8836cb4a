import { isDeepStrictEqual } from 'node:util'
import { type Manifest, uninject } from '@branchline/cdk8s/inject'
import { composeText } from '@branchline/runtime/local/manifests/yaml'
import { Evaluation } from '@branchline/runtime/local/manifests/yaml-value'
import { EditError, editText, type Sources } from './edit.ts'
import { takeSources, withEmptyValues, withSources } from './record.ts'

/** An object of a document: the document itself, or an item of a List. */
export interface Located {
  /** The index in the List, or undefined. */
  readonly item: number | undefined
  readonly object: Manifest
}

/** Returns the Kubernetes objects in the value of a document. Other values are left out. */
export function objectsIn(value: unknown): Located[] {
  if (!isManifest(value)) return []
  const { kind, items } = value as Manifest & { items?: unknown }
  if (kind !== 'List' || !Array.isArray(items))
    return hasMetadata(value) ? [{ item: undefined, object: value }] : []
  return items.flatMap((object: unknown, item) =>
    isManifest(object) && hasMetadata(object) ? [{ item, object }] : [],
  )
}

const isManifest = (value: unknown): value is Manifest =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Manifest).apiVersion === 'string' &&
  typeof (value as Manifest).kind === 'string'

// The API server refuses objects without metadata.
const hasMetadata = ({ metadata }: Manifest): boolean => typeof metadata === 'object' && metadata !== null

/** Objects after a change, by their index in the List. */
export type Changed = ReadonlyMap<number | undefined, Manifest>

/**
 * Changes objects of a document to their injected form, so that {@link uninjectText} restores the text byte for byte. Where
 * that needs original texts, an annotation of the object keeps them. Throws an {@link EditError} if it is not possible.
 */
export function injectText(text: string, changed: Changed): string {
  const original = uninjectText(text)
  const isRestored = (injected: string): boolean => uninjectText(injected) === original
  if (original !== text) {
    // An injection that is only updated keeps what people changed in it.
    const updated = attempt(() => editText(text, valueWith(text, changed, sourcesIn(text))).text)
    if (updated !== undefined && isRestored(updated)) return updated
  }
  const injected = injectOriginal(original, changed)
  if (isRestored(injected)) return injected
  throw new EditError('"branchline uninject" could not restore it byte for byte')
}

function injectOriginal(text: string, changed: Changed): string {
  let sources: SourcesByItem = new Map()
  // The record is itself an annotation, whose place may need a record.
  for (let round = 0; round < 3; round++) {
    const edited = editText(text, valueWith(text, changed, sources))
    const replaced = byItem(edited.replaced, changed)
    if (isDeepStrictEqual(replaced, sources)) return edited.text
    sources = replaced
  }
  throw new EditError('it would need a record of its own record')
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch (error) {
    if (error instanceof EditError) return undefined
    throw error
  }
}

/** Removes the injection from the objects of a document. Throws an {@link EditError} if that is not possible. */
export function uninjectText(text: string): string {
  const value = valueOf(text)
  const sources: Record<string, string | null> = {}
  const restored = new Map<number | undefined, Manifest>()
  for (const { item, object } of objectsIn(value)) {
    const { bare, sources: own } = takeSources(object)
    const [original] = uninject([bare]) as [Manifest]
    restored.set(item, withEmptyValues(original, own))
    for (const [pointer, source] of Object.entries(own)) sources[prefixOf(item) + pointer] = source
  }
  const wanted = withObjects(value, restored)
  return isDeepStrictEqual(wanted, value) ? text : editText(text, wanted, { sources, isUndo: true }).text
}

type SourcesByItem = ReadonlyMap<number | undefined, Sources>

function sourcesIn(text: string): SourcesByItem {
  return new Map(objectsIn(valueOf(text)).map(({ item, object }) => [item, takeSources(object).sources]))
}

const prefixOf = (item: number | undefined): string => (item === undefined ? '' : `/items/${item}`)

function byItem(replaced: Sources, changed: Changed): SourcesByItem {
  const found = new Map<number | undefined, Sources>()
  for (const item of changed.keys()) {
    const prefix = prefixOf(item)
    const own = Object.entries(replaced)
      .filter(([pointer]) => pointer.startsWith(`${prefix}/`))
      .map(([pointer, source]) => [pointer.slice(prefix.length), source] as const)
    if (own.length > 0) found.set(item, Object.fromEntries(own))
  }
  return found
}

function valueWith(text: string, changed: Changed, sources: SourcesByItem): unknown {
  const objects = [...changed].map(
    ([item, object]) => [item, withSources(object, sources.get(item) ?? {})] as const,
  )
  return withObjects(valueOf(text), new Map(objects))
}

function withObjects(value: unknown, objects: Changed): unknown {
  const single = objects.get(undefined)
  const changed =
    single ??
    ({
      ...(value as object),
      items: (value as { items: unknown[] }).items.map((item, index) => objects.get(index) ?? item),
    } as unknown)
  // JSON has no undefined fields, and shares nothing.
  return objects.size === 0 ? value : (JSON.parse(JSON.stringify(changed)) as unknown)
}

const valueOf = (text: string): unknown => new Evaluation().valueOf(composeText(text)?.contents)
