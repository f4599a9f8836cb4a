/** The reasons for an error of the store. */
export type StoreErrorCode =
  /** The database cannot be reached, is too slow, or has closed the connection. The same call may succeed later. */
  | 'BL_RELAY_DATABASE'
  /** The embedded PostgreSQL cannot start: the message says why, and what to do. */
  | 'BL_RELAY_EMBEDDED'
  /** The tables are of another version of Branchline. */
  | 'BL_RELAY_SCHEMA'
  /** A backup cannot be written, or not be restored here. */
  | 'BL_RELAY_BACKUP'
  /** This coordinator no longer leads, so that it must not write what only the leader writes. */
  | 'BL_RELAY_TERM'

/** An error of the store. Only BL_RELAY_DATABASE is retryable. */
export class StoreError extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }

  get retryable(): boolean {
    return this.code === 'BL_RELAY_DATABASE'
  }
}
