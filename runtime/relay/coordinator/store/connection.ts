import { Client, type ClientConfig, TypeOverrides, types } from 'pg'
import type { ServerAddress } from './embedded/server.ts'
import type { StoreLimits } from './limits.ts'
import { ConnectionFailure } from './failure.ts'

/** Our tables have a schema of their own, so that the database may contain others. */
export const SCHEMA = 'branchline'

/** Where the database is: a URL, or the socket of the embedded server. */
export type DatabaseAddress = ServerAddress | { readonly connectionString: string }

const TYPES = new TypeOverrides()
// Our numbers of the type bigint stay below 2^53.
TYPES.setTypeParser(types.builtins.INT8, Number)

/**
 * Reads DATABASE_URL. Throws an error whose message is a sentence without the value, which may contain a password.
 */
export function parseDatabaseUrl(text: string): { readonly connectionString: string } {
  const url = URL.parse(text)
  if (url !== null && ['postgres:', 'postgresql:'].includes(url.protocol)) return { connectionString: text }
  throw new Error(
    'wanted a URL such as postgres://user:password@host:5432/database, with special characters as %XX',
  )
}

/** Options of every connection. */
export const clientConfig = (address: DatabaseAddress, limits: StoreLimits): ClientConfig => ({
  ...address,
  types: TYPES,
  application_name: 'branchline-relay',
  connectionTimeoutMillis: limits.connectMs,
  keepAlive: true,
})

/**
 * Sets what statements rely on. It is a statement rather than a parameter of the connection, because poolers between us
 * and PostgreSQL refuse unknown parameters.
 */
export async function prepareConnection(
  client: Client,
  statementMs: number,
  limits: StoreLimits,
): Promise<void> {
  const settings = {
    search_path: SCHEMA,
    timezone: `'UTC'`,
    statement_timeout: statementMs,
    idle_in_transaction_session_timeout: limits.idleInTransactionMs,
  }
  await client.query(
    Object.entries(settings)
      .map(([name, value]) => `set ${name} = ${value}`)
      .join(';'),
  )
}

/** A connection outside of the pool. */
export interface OwnConnection {
  readonly client: Client
  /** Aborted with the reason when the connection has ended. */
  readonly lost: AbortSignal
  /** Runs a statement, and ends the connection if the answer takes too long. Rejects with ConnectionFailure then. */
  readonly query: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>
  readonly close: () => void
}

/**
 * Opens a connection outside of the pool, for what belongs to a connection: notifications and advisory locks. Rejects
 * with ConnectionFailure, or with the error that PostgreSQL reports.
 */
export async function openConnection(address: DatabaseAddress, limits: StoreLimits): Promise<OwnConnection> {
  const client = new Client({ ...clientConfig(address, limits), query_timeout: limits.answerMs })
  const controller = new AbortController()
  const lose = (reason: unknown): void => {
    if (controller.signal.aborted) return
    controller.abort(reason)
    client.end().catch(() => undefined)
  }
  client.on('error', lose)
  client.on('end', () => lose(new Error('the connection has ended')))
  const query = async <Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> => {
    try {
      return (await client.query<Row>(text, [...values])).rows
    } catch (error) {
      const failure = asConnectionFailure(error)
      if (failure instanceof ConnectionFailure) lose(failure)
      throw failure
    }
  }
  try {
    await client.connect()
    await prepareConnection(client, limits.statementMs, limits)
  } catch (error) {
    lose(error)
    throw new ConnectionFailure(error)
  }
  return { client, lost: controller.signal, query, close: () => lose(new Error('closed')) }
}

/**
 * Errors that PostgreSQL reports have a severity, and TypeErrors are our own. All others come from `pg` or the system: the
 * connection is unusable.
 */
export function asConnectionFailure(error: unknown): unknown {
  const reported = error instanceof Error && 'severity' in error && error.severity !== undefined
  return reported || error instanceof TypeError ? error : new ConnectionFailure(error)
}
