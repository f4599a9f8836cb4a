import { isDeepStrictEqual } from 'node:util'
import { EMPTY_WORKER_TABLE, type WorkerTable } from './table.ts'

/** The parts of a table, and the field that identifies the entries of each. */
const PARTS = { circuits: 'id', credentials: 'id', sessions: 'hash', workers: 'id' } as const
type Part = keyof typeof PARTS
const NAMES = Object.keys(PARTS) as Part[]

/** An entry of a part. */
export type EntryOf<P extends Part> = WorkerTable[P] extends ReadonlyMap<string, infer T> ? T : never

/** The changes of one part: entries that are new or changed, complete, and the keys of those that are gone. */
export interface PartDelta<T> {
  readonly upsert?: readonly T[]
  readonly remove?: readonly string[]
}

/** What leads from one table to another. A part without changes is absent. */
export type TableDelta = { readonly [P in Part]?: PartDelta<EntryOf<P>> }

/**
 * Identifies a table of a coordinator. `instance` is the database: a restored one has another. `term` grows with each
 * leader, `epoch` with each change.
 */
export interface Deployment {
  readonly instance: string
  readonly term: number
  readonly epoch: number
}

/** The message that gives a worker its table. */
export interface SnapshotMessage extends Deployment {
  readonly type: 'snapshot'
  readonly table: { readonly [P in Part]: readonly EntryOf<P>[] }
}

/** The message that leads from the table of epoch `from` to the one of `epoch`, in the term of the snapshot. */
export interface DeltaMessage extends Omit<Deployment, 'instance'> {
  readonly type: 'delta'
  readonly from: number
  readonly changes: TableDelta
}

/**
 * Returns what leads from one table to another; undefined if they are equal. Does not compare entries that are the same
 * object.
 */
export function diffTables(before: WorkerTable, after: WorkerTable): TableDelta | undefined {
  const delta: Record<string, PartDelta<unknown>> = {}
  for (const part of NAMES) {
    const change = diffPart<unknown>(before[part], after[part])
    if (change !== undefined) delta[part] = change
  }
  return isEmpty(delta) ? undefined : delta
}

/** Returns the table to which a delta leads. Parts and entries that it does not name are the same objects as before. */
export function applyDelta(table: WorkerTable, delta: TableDelta): WorkerTable {
  const next: Record<string, ReadonlyMap<string, unknown>> = {}
  for (const part of NAMES) next[part] = applyPart<unknown>(table[part], delta[part], PARTS[part])
  return next as unknown as WorkerTable
}

/** The content of a snapshot. */
export function listsOf(table: WorkerTable): SnapshotMessage['table'] {
  const lists = Object.fromEntries(NAMES.map((part) => [part, [...table[part].values()]]))
  return lists as unknown as SnapshotMessage['table']
}

/** The table of a snapshot. Entries that are equal to those of `before` are the same objects. */
export function tableOf(
  lists: SnapshotMessage['table'],
  before: WorkerTable = EMPTY_WORKER_TABLE,
): WorkerTable {
  const table: Record<string, ReadonlyMap<string, unknown>> = {}
  for (const part of NAMES) {
    const known = before[part] as ReadonlyMap<string, unknown>
    const entries = (lists[part] as readonly unknown[]).map((entry) => {
      const key = keyOf(entry, PARTS[part])
      const old = known.get(key)
      return [key, isDeepStrictEqual(old, entry) ? old : entry] as const
    })
    table[part] = new Map(entries)
  }
  return table as unknown as WorkerTable
}

/** Whether a value has the shape of a delta: lists of entries with keys. The entries are the coordinator's. */
export function isTableDelta(value: unknown): value is TableDelta {
  if (!isRecord(value)) return false
  return NAMES.every((part) => {
    const change = value[part]
    if (change === undefined) return true
    if (!isRecord(change)) return false
    const { upsert = [], remove = [] } = change
    return (
      isListOf(upsert, PARTS[part]) && Array.isArray(remove) && remove.every((key) => typeof key === 'string')
    )
  })
}

/** Whether a value has the shape of a snapshot's table. */
export const isTableLists = (value: unknown): value is SnapshotMessage['table'] =>
  isRecord(value) && NAMES.every((part) => isListOf(value[part], PARTS[part]))

function diffPart<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
): PartDelta<T> | undefined {
  if (before === after) return undefined
  const remove = [...before.keys()].filter((key) => !after.has(key))
  const upsert: T[] = []
  for (const [key, entry] of after) {
    const old = before.get(key)
    if (old !== entry && !isDeepStrictEqual(old, entry)) upsert.push(entry)
  }
  if (remove.length + upsert.length === 0) return undefined
  return { ...(upsert.length > 0 && { upsert }), ...(remove.length > 0 && { remove }) }
}

function applyPart<T>(
  part: ReadonlyMap<string, T>,
  delta: PartDelta<T> | undefined,
  field: string,
): ReadonlyMap<string, T> {
  if (delta === undefined) return part
  const next = new Map(part)
  for (const key of delta.remove ?? []) next.delete(key)
  for (const entry of delta.upsert ?? []) next.set(keyOf(entry, field), entry)
  return next
}

const keyOf = (entry: unknown, field: string): string => (entry as Record<string, string>)[field] as string

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isListOf = (value: unknown, field: string): boolean =>
  Array.isArray(value) && value.every((entry) => isRecord(entry) && typeof entry[field] === 'string')

const isEmpty = (record: object): boolean => Object.keys(record).length === 0
