import type { BackoffLimits } from '../../../process/backoff.ts'

/** Limits of the embedded PostgreSQL. */
export interface EmbeddedLimits {
  /** How long the server may take to create its data. Default: 120 s. */
  readonly createMs: number
  /** How long the server may take to accept connections, including the recovery after a crash. Default: 120 s. */
  readonly startMs: number
  /** How long the server may take for an orderly stop, before it stops without a checkpoint. Default: 10 s. */
  readonly stopMs: number
  /** The waits before the server is started again after it has ended by itself. Default: 100 ms to 10 s. */
  readonly restart: BackoffLimits
}

/** Every limit and timeout of the store. */
export interface StoreLimits {
  readonly embedded: EmbeddedLimits
  /** The maximum connections of the pool. Default: 10. */
  readonly connections: number
  /** How long a call may wait for a connection, new or from the pool. Default: 3 s. */
  readonly connectMs: number
  /** How long PostgreSQL may work on one statement. Default: 10 s. */
  readonly statementMs: number
  /** How long we wait for the answer to one statement. Longer than `statementMs`. Default: 12 s. */
  readonly answerMs: number
  /** How long a transaction may wait between two statements before PostgreSQL ends it. Default: 5 s. */
  readonly idleInTransactionMs: number
  /** How long an unused connection stays in the pool. Default: 60 s. */
  readonly idleMs: number
  /** How often a transaction is tried if PostgreSQL reports a conflict or the connection is lost. Default: 5. */
  readonly tries: number
  /** The waits between these tries. Default: 10 ms to 200 ms. */
  readonly retry: BackoffLimits
  /** The waits between attempts to reach a lost database. Default: 100 ms to 2 s. */
  readonly reconnect: BackoffLimits
  /** How often the epoch is read in addition to notifications, which also tests their connection. Default: 5 s. */
  readonly epochPollMs: number
  /** How long one statement of a migration, a backup or a restore may take, including the wait for another relay. Default: 10 min. */
  readonly migrateMs: number
}

/** The defaults of {@link StoreLimits}. */
export const DEFAULT_STORE_LIMITS: StoreLimits = {
  embedded: {
    createMs: 120_000,
    startMs: 120_000,
    stopMs: 10_000,
    restart: { firstMs: 100, maxMs: 10_000 },
  },
  connections: 10,
  connectMs: 3_000,
  statementMs: 10_000,
  answerMs: 12_000,
  idleInTransactionMs: 5_000,
  idleMs: 60_000,
  tries: 5,
  retry: { firstMs: 10, maxMs: 200 },
  reconnect: { firstMs: 100, maxMs: 2_000 },
  epochPollMs: 5_000,
  migrateMs: 600_000,
}
