import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely'
import { Backoff } from '../../../process/backoff.ts'
import type { Logger } from '../../../process/log.ts'
import { setTimeout as wait } from 'node:timers/promises'
import { type Actor, type AuditEntry, writeAudit } from './audit.ts'
import { Availability, type DatabaseState } from './availability.ts'
import { type DatabaseAddress, openConnection } from './connection.ts'
import { EpochListener } from './epoch-listener.ts'
import { asStoreError, classify, databaseError } from './failure.ts'
import type { StoreLimits } from './limits.ts'
import { createPool } from './pool.ts'
import type { Tables } from './tables.ts'
import { type CallKind, StoreTimings } from './timings.ts'

/** A connection on which tables can be read. */
export type Reader = Kysely<Tables>
/** A transaction. */
export type Tx = Transaction<Tables>

/** What a change gets. */
export interface Change {
  readonly tx: Tx
  /** The epoch that this change will have. */
  readonly epoch: number
  /** Adds a line to the audit log, written with the change. */
  readonly audit: (entry: AuditEntry) => void
  /** Says that nothing was changed: the epoch stays, and no audit line is written. */
  readonly unchanged: () => void
}

/** A result, and the epoch that it belongs to. */
export interface AtEpoch<T> {
  readonly epoch: number
  readonly value: T
}

/** Options of a store. */
export interface StoreOptions {
  readonly address: DatabaseAddress
  readonly limits: StoreLimits
  readonly logger: Logger
}

/**
 * The coordinator's tables. All calls reject with BL_RELAY_DATABASE (retryable) if the database is lost or too slow, at
 * once while it is known to be down. They work again when it returns. Other errors of PostgreSQL, such as a violated
 * constraint, come as they are.
 */
export class Store {
  readonly address: DatabaseAddress
  readonly limits: StoreLimits
  readonly timings = new StoreTimings()
  readonly #db: Kysely<Tables>
  readonly #availability: Availability
  readonly #epochs: EpochListener

  constructor({ address, limits, logger }: StoreOptions) {
    this.address = address
    this.limits = limits
    this.#availability = new Availability(async () => {
      const connection = await openConnection(address, limits)
      connection.close()
    }, limits.reconnect)
    const pool = createPool(address, limits, {
      connections: limits.connections,
      statementMs: limits.statementMs,
      onLost: () => this.#availability.suspect(),
    })
    this.#db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
    this.#epochs = new EpochListener({ address, limits, logger, onLost: () => this.#availability.suspect() })
    this.#availability.onState((state, reason) => {
      if (state === 'down') logger.error({ reason }, 'the database does not respond')
      else logger.info('the database responds again')
    })
  }

  /** Whether the database responds, for readiness. */
  get state(): DatabaseState {
    return this.#availability.state
  }

  /** The newest epoch that is known. -1: none yet. */
  get epoch(): number {
    return this.#epochs.epoch
  }

  /** Calls the listener when the database stops or starts to respond. Returns a function that removes it. */
  onState(listener: (state: DatabaseState, reason: string) => void): () => void {
    return this.#availability.onState(listener)
  }

  /** Runs single statements. Each sees the newest data. The function may run again if a connection is lost. */
  read<T>(read: (db: Reader) => Promise<T>): Promise<T> {
    return this.#retry('read', () => read(this.#db), ['lost'])
  }

  /** Runs a read-only transaction in which all statements see the same data, of one epoch. It may run again. */
  snapshot<T>(read: (tx: Tx, epoch: number) => Promise<T>): Promise<AtEpoch<T>> {
    return this.#retry(
      'snapshot',
      () =>
        this.#db
          .transaction()
          .setIsolationLevel('repeatable read')
          .setAccessMode('read only')
          .execute(async (tx) => {
            const { epoch } = await tx.selectFrom('relay').select('epoch').executeTakeFirstOrThrow()
            return { epoch, value: await read(tx, epoch) }
          }),
      ['lost', 'conflict'],
    )
  }

  /**
   * Changes what others follow: one transaction that increments the epoch once and notifies its followers. Changes run
   * one after another, so a reader of epoch N sees exactly the changes up to N. The function runs again after a
   * conflict or a lost connection, so it must do nothing but write. If the connection is lost during the commit, the
   * result is unknown and the call rejects.
   */
  async change<T>(actor: Actor, change: (change: Change) => Promise<T>): Promise<AtEpoch<T>> {
    const result = await this.#transact('change', (tx) => this.#changeIn(tx, actor, change))
    this.#epochs.hint(result.epoch)
    return result
  }

  /** Writes rows whose changes no listener follows, such as heartbeats and counters, in one transaction. Runs again like `change`. */
  write<T>(write: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#transact('write', write)
  }

  /**
   * Calls the listener with the current epoch once it is known, and then with each newer one. Epochs may be skipped but
   * the newest is never lost, also after a lost connection. Returns a function that removes the listener.
   */
  onEpoch(listener: (epoch: number) => void): () => void {
    return this.#epochs.listen(listener)
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await this.#epochs.close()
    await this.#availability.close()
    await this.#db.destroy()
  }

  async #changeIn<T>(tx: Tx, actor: Actor, change: (change: Change) => Promise<T>): Promise<AtEpoch<T>> {
    const before = await lockEpoch(tx)
    const epoch = before + 1
    const entries: AuditEntry[] = []
    let changed = true
    const value = await change({
      tx,
      epoch,
      audit: (entry) => void entries.push(entry),
      unchanged: () => (changed = false),
    })
    if (!changed) return { epoch: before, value }
    await writeAudit(tx, actor, epoch, entries)
    await sql`with next as (update relay set epoch = ${epoch} returning epoch)
      select pg_notify('branchline', epoch::text) from next`.execute(tx)
    return { epoch, value }
  }

  #transact<T>(kind: CallKind, run: (tx: Tx) => Promise<T>): Promise<T> {
    const attempt = async (): Promise<T> => {
      let committing = false
      try {
        return await this.#db.transaction().execute(async (tx) => {
          const value = await run(tx)
          committing = true
          return value
        })
      } catch (error) {
        if (!committing || classify(error) !== 'lost') throw error
        throw databaseError(
          'The connection was lost during the commit: look whether the change was made',
          error,
        )
      }
    }
    return this.#retry(kind, attempt, ['lost', 'conflict'])
  }

  #retry<T>(kind: CallKind, run: () => Promise<T>, retried: readonly string[]): Promise<T> {
    return this.timings.measure(kind, () => this.#attempt(run, retried))
  }

  async #attempt<T>(run: () => Promise<T>, retried: readonly string[]): Promise<T> {
    const backoff = new Backoff(this.limits.retry)
    for (let left = this.limits.tries; ; left--) {
      this.#availability.admit()
      try {
        return await run()
      } catch (error) {
        if (left <= 1 || !retried.includes(classify(error))) throw asStoreError(error)
      }
      await wait(backoff.nextMs())
    }
  }
}

/** Lets other changes wait, tells the triggers the epoch of this one, and returns the epoch before it. */
async function lockEpoch(tx: Tx): Promise<number> {
  const { rows } = await sql<{ epoch: number }>`
    with locked as materialized (select epoch from relay for update)
    select epoch, set_config('branchline.epoch', (epoch + 1)::text, true) from locked`.execute(tx)
  return (rows[0] as { epoch: number }).epoch
}
