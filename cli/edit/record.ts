import type { Manifest } from '@branchline/cdk8s/inject'
import { ANNOTATIONS } from '@branchline/wire/names'
import type { Sources } from './edit.ts'

interface Metadata {
  annotations?: Record<string, string>
}

/** The fields that lead to the templates of an object. */
const TEMPLATES = ['spec', 'template', 'jobTemplate']

/** Returns an object without the record of its original texts, and the record. Does not change its input. */
export function takeSources<T extends Manifest>(object: T): { bare: T; sources: Sources } {
  const found = metadatas(object).find((it) => it.annotations?.[ANNOTATIONS.source] !== undefined)
  if (found === undefined) return { bare: object, sources: {} }
  const bare = structuredClone(object)
  const sources: Record<string, string | null> = {}
  for (const metadata of metadatas(bare)) {
    const { annotations } = metadata
    const record = annotations?.[ANNOTATIONS.source]
    if (annotations === undefined || record === undefined) continue
    Object.assign(sources, parseSources(record))
    delete annotations[ANNOTATIONS.source]
    if (Object.keys(annotations).length === 0) delete metadata.annotations
  }
  return { bare, sources }
}

/** Returns an object with a record of its original texts, next to the record of the injection. */
export function withSources<T extends Manifest>(object: T, sources: Sources): T {
  if (Object.keys(sources).length === 0) return object
  const copy = structuredClone(object)
  const all = metadatas(copy)
  const holder = all.find(({ annotations }) => annotations?.[ANNOTATIONS.injected] !== undefined) ?? all[0]
  if (holder !== undefined) {
    holder.annotations = { ...holder.annotations, [ANNOTATIONS.source]: JSON.stringify(sources) }
  }
  return copy
}

/**
 * Returns an object in which values exist again that were empty before the injection. `uninject` removes what is empty
 * after it, because it cannot know that it was there.
 */
export function withEmptyValues<T extends Manifest>(object: T, sources: Sources): T {
  const copy = structuredClone(object)
  for (const [pointer, source] of Object.entries(sources)) {
    const empty = source === null ? undefined : emptyValue(source.trim())
    if (empty === undefined) continue
    const keys = pointer.slice(1).split('/').map(unescaped)
    const last = keys.pop() as string
    const holder = keys.reduce<unknown>(childOf, copy)
    if (typeof holder === 'object' && holder !== null && !Object.hasOwn(holder, last)) {
      Object.assign(holder, { [last]: empty() })
    }
  }
  return copy
}

/** Returns the map or item of a key, and adds a map that does not exist. */
function childOf(holder: unknown, key: string): unknown {
  if (typeof holder !== 'object' || holder === null) return undefined
  if (!Object.hasOwn(holder, key) && !Array.isArray(holder)) Object.assign(holder, { [key]: {} })
  return (holder as Record<string, unknown>)[key]
}

function emptyValue(source: string): (() => unknown) | undefined {
  if (/^\{\s*\}$/.test(source)) return () => ({})
  if (/^\[\s*\]$/.test(source)) return () => []
  return /^(?:|~|null|Null|NULL)$/.test(source) ? () => null : undefined
}

const unescaped = (key: string): string => key.replaceAll('~1', '/').replaceAll('~0', '~')

/** Returns the metadata of an object and of the templates in it, outermost first. */
function metadatas(object: Manifest): Metadata[] {
  const found: Metadata[] = []
  const visit = (holder: unknown): void => {
    if (typeof holder !== 'object' || holder === null) return
    const { metadata } = holder as { metadata?: unknown }
    if (typeof metadata === 'object' && metadata !== null) found.push(metadata)
    for (const field of TEMPLATES) visit((holder as Record<string, unknown>)[field])
  }
  visit(object)
  return found
}

function parseSources(record: string): Sources {
  try {
    const parsed: unknown = JSON.parse(record)
    if (typeof parsed !== 'object' || parsed === null) return {}
    const entries = Object.entries(parsed).filter(([, text]) => text === null || typeof text === 'string')
    return Object.fromEntries(entries)
  } catch {
    // Someone edited the record. Values are then written in the usual style.
    return {}
  }
}
