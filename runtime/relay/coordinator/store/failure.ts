import { DatabaseError } from 'pg'
import { StoreError } from './errors.ts'

/** https://www.postgresql.org/docs/18/errcodes-appendix.html: what ends a connection or shows that it is unusable. */
const LOST = new Set([
  '25P03', // idle_in_transaction_session_timeout
  '25006', // read_only_sql_transaction: the server has become a replica
  '53300', // too_many_connections
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
])
const FULL = new Set(['53000', '53100', '53200']) // insufficient_resources, disk_full, out_of_memory
const SLOW = new Set(['55P03', '57014']) // lock_not_available, query_canceled
const CONFLICT = new Set(['40001', '40P01']) // serialization_failure, deadlock_detected

/** What a failed call says about the database. */
export type Failure = 'lost' | 'full' | 'slow' | 'conflict' | 'other'

/** Classifies an error of `pg`. What PostgreSQL has not reported itself comes from the connection. */
export function classify(error: unknown): Failure {
  if (!(error instanceof DatabaseError)) return error instanceof ConnectionFailure ? 'lost' : 'other'
  const code = error.code ?? ''
  if (LOST.has(code) || code.startsWith('08')) return 'lost'
  if (FULL.has(code)) return 'full'
  if (SLOW.has(code)) return 'slow'
  return CONFLICT.has(code) ? 'conflict' : 'other'
}

/** An error of a connection rather than of a statement. Calls of the store turn it into BL_RELAY_DATABASE. */
export class ConnectionFailure extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.name = 'ConnectionFailure'
  }
}

/** Turns what concerns the database as a whole into BL_RELAY_DATABASE. Other errors stay as they are. */
export function asStoreError(error: unknown): unknown {
  const failure = classify(error)
  const { message } = error as Error
  if (failure === 'lost') return databaseError(`The database does not respond: ${message}`, error)
  if (failure === 'full') return databaseError(`The database has no room: ${message}`, error)
  if (failure === 'slow') return databaseError(`The database took too long: ${message}`, error)
  if (failure === 'conflict') return databaseError(`Changes conflicted too often: ${message}`, error)
  return error
}

/** An error with the code BL_RELAY_DATABASE. */
export const databaseError = (message: string, cause?: unknown): StoreError =>
  new StoreError('BL_RELAY_DATABASE', message, { cause })

/** Returns the name of the constraint that a statement has violated, such as `circuits_host_label`. */
export function violatedConstraint(error: unknown): string | undefined {
  return error instanceof DatabaseError && error.code?.startsWith('23') === true
    ? error.constraint
    : undefined
}
