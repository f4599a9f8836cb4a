import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Hop, Product } from './hop.ts'
import { findUpstream } from './upstream.ts'

const DATABASE_PORT = 5432
const CONNECT_TIMEOUT_MS = 5000
const QUERY_TIMEOUT_MS = 10_000
const RETRY_MS = 200
const MAX_CONNECTIONS = 8

/** The shop's stock. */
export interface Stock {
  /** Returns the products and the database's hop. Throws if the database does not respond. */
  read(): Promise<{ hop: Hop; products: Product[] }>
  /** Whether the database has responded once. */
  isOpen(): boolean
  close(): Promise<void>
}

/** A row: the products as one JSON text, and the identity of the server. */
interface Row {
  readonly products: Product[]
  readonly version: string
  readonly environment: string
  readonly pod: string
}

const QUERY = `
  select (select json_agg(json_build_object('name', name, 'price', price) order by name) from product) as products,
         'PostgreSQL ' || current_setting('server_version') as version,
         current_setting('shop.environment') as environment,
         current_setting('shop.pod') as pod`

/** Opens the stock. Retries in the background until the database responds. */
export function openStock(variables: NodeJS.ProcessEnv = process.env): Stock {
  const state = { open: false, closed: false }
  const pool = findUpstream('db', DATABASE_PORT, variables).then((upstream) => {
    const created = new pg.Pool({
      ...upstream,
      user: variables.DB_USER ?? 'shop',
      password: variables.DB_PASSWORD,
      database: variables.DB_NAME ?? 'shop',
      max: MAX_CONNECTIONS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
    })
    // The pool replaces a connection that dies while idle, and the next query uses a new one.
    created.on('error', () => undefined)
    return created
  })
  const read = async (): Promise<{ hop: Hop; products: Product[] }> => {
    const startedAt = performance.now()
    const { rows } = await (await pool).query<Row>(QUERY)
    const { products, ...who } = rows[0] as Row
    const ms = Math.round((performance.now() - startedAt) * 100) / 100
    state.open = true
    return { hop: { service: 'db', ...who, ms }, products }
  }
  const warm = async (): Promise<void> => {
    while (!state.open && !state.closed) await read().catch(() => delay(RETRY_MS))
  }
  void warm()
  const close = async (): Promise<void> => {
    state.closed = true
    await (await pool).end()
  }
  return { read, isOpen: () => state.open, close }
}
