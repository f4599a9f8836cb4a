import {
  applyDelta,
  type DeltaMessage,
  type Deployment,
  isTableDelta,
  isTableLists,
  type SnapshotMessage,
  tableOf,
} from '@branchline/wire/circuits/delta'
import type { CoordinatorNotice } from '@branchline/wire/circuits/messages'
import { EMPTY_WORKER_TABLE, type WorkerTable } from '@branchline/wire/circuits/table'
import type { SubscriptionProtocol } from '../../../pushed/subscription.ts'

/** The table that a worker serves. */
export interface ServedTable extends Deployment {
  readonly table: WorkerTable
}

/** A message that a worker cannot take. It serves what it has, and asks for a snapshot. */
class TableError extends Error {
  readonly code = 'BL_RELAY_TABLE'
  constructor(message: string) {
    super(message)
    this.name = 'TableError'
  }
}

/**
 * How a worker reads the table. It refuses a term that is lower than one that it has seen of the same database: that
 * coordinator no longer leads, and does not know it yet. `served` is the table at hand.
 */
export function tableProtocol(
  served: () => ServedTable | undefined,
): SubscriptionProtocol<ServedTable, SnapshotMessage, DeltaMessage, CoordinatorNotice> {
  return {
    hello: () => ({ type: 'hello' }),
    read,
    compile({ instance, term, epoch, table }) {
      const before = served()
      if (before?.instance === instance && term < before.term) throw staleTerm(term, before.term)
      return { instance, term, epoch, table: tableOf(table, before?.table ?? EMPTY_WORKER_TABLE) }
    },
    apply(before, { term, epoch, changes }) {
      if (term !== before.term) throw staleTerm(term, before.term)
      return { ...before, epoch, table: applyDelta(before.table, changes) }
    },
    gap: ({ from, epoch }, table) =>
      new TableError(
        `a delta from epoch ${from} to ${epoch} does not follow on ${table?.epoch ?? 'nothing'}`,
      ),
  }
}

const staleTerm = (term: number, seen: number): TableError =>
  new TableError(`a table of term ${term}, but the coordinator of term ${seen} has led since`)

function read(message: unknown): SnapshotMessage | DeltaMessage | CoordinatorNotice {
  const fields = message as Readonly<Record<string, unknown>> | null
  const type = fields?.['type']
  if (typeof type !== 'string') throw new TableError('a message without a type')
  if (type === 'snapshot') {
    if (isSnapshot(fields)) return fields
  } else if (type === 'delta') {
    if (isDelta(fields)) return fields
  } else return fields as unknown as CoordinatorNotice
  throw new TableError(`a ${type} that is not one`)
}

/** Whether a value is a snapshot. The entries of its parts are the coordinator's. */
export const isSnapshot = (value: unknown): value is SnapshotMessage => {
  const { instance, term, epoch, table } = (value ?? {}) as Readonly<Record<string, unknown>>
  return typeof instance === 'string' && isNumber(term) && isNumber(epoch) && isTableLists(table)
}

const isDelta = (value: unknown): value is DeltaMessage => {
  const { term, from, epoch, changes } = (value ?? {}) as Readonly<Record<string, unknown>>
  return isNumber(term) && isNumber(from) && isNumber(epoch) && isTableDelta(changes)
}

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
