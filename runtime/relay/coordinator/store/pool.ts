import type { PostgresPool, PostgresPoolClient } from 'kysely'
import { type Client, Pool, type PoolClient } from 'pg'
import { asConnectionFailure, clientConfig, type DatabaseAddress, prepareConnection } from './connection.ts'
import { classify, ConnectionFailure } from './failure.ts'
import type { StoreLimits } from './limits.ts'

/** Differences between the pool of the store and one for migrations and backups. */
export interface PoolOptions {
  readonly connections: number
  readonly statementMs: number
  /** Called with each error that shows a lost connection. */
  readonly onLost?: (error: unknown) => void
}

/**
 * A pool for Kysely on `pg`. In addition to what `pg` does, it drops a connection after an answer that took too long
 * (`pg` would give it to the next caller, who would receive the late answer) and after errors that show that the server
 * is going away.
 */
export function createPool(
  address: DatabaseAddress,
  limits: StoreLimits,
  options: PoolOptions,
): PostgresPool {
  const { connections, statementMs, onLost = () => undefined } = options
  const pool = new Pool({
    ...clientConfig(address, limits),
    max: connections,
    idleTimeoutMillis: limits.idleMs,
    query_timeout: statementMs + limits.answerMs - limits.statementMs,
    onConnect: (client) => prepareConnection(client as Client, statementMs, limits),
  })
  // An idle connection has ended. The pool has removed it.
  pool.on('error', onLost)
  // Without a listener, the end of a connection in use between two statements would end the process.
  pool.on('connect', (client) => client.on('error', onLost))
  return {
    options: pool.options,
    connect: async () => {
      try {
        return checked(await pool.connect(), onLost)
      } catch (error) {
        onLost(error)
        throw new ConnectionFailure(error)
      }
    },
    end: () => pool.end(),
  }
}

/** Wraps a connection for one use. */
function checked(client: PoolClient, onLost: (error: unknown) => void): PostgresPoolClient {
  let broken = false
  const query = async (text: string, values: readonly unknown[]): Promise<unknown> => {
    try {
      return await client.query(text, values as unknown[])
    } catch (error) {
      const failure = asConnectionFailure(error)
      if (classify(failure) === 'lost') {
        broken = true
        onLost(failure)
      }
      throw failure
    }
  }
  const release = (destroy?: boolean): void => client.release(destroy === true || broken)
  return { query: query as PostgresPoolClient['query'], release }
}
