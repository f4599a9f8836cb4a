import { join } from 'node:path'
import type { Logger } from '../../../process/log.ts'
import { type DatabaseAddress, parseDatabaseUrl } from './connection.ts'
import { USER } from './embedded/data-folder.ts'
import { findSocket } from './embedded/owner.ts'
import { EmbeddedServer } from './embedded/server.ts'
import { PORT } from './embedded/socket-folder.ts'
import { DEFAULT_STORE_LIMITS, type StoreLimits } from './limits.ts'
import type { StoreLocation } from './open.ts'

/** How a database was found. */
export interface FoundDatabase {
  readonly address: DatabaseAddress
  /** Whether a relay uses the embedded server now. Undefined for a server of `DATABASE_URL`: that is not known. */
  readonly isInUse: boolean | undefined
}

/**
 * Lets a function use a database without migrating it. The embedded server of a running relay is used as it is; otherwise
 * one is started, and stopped at the end. Rejects with BL_RELAY_EMBEDDED, and with what `use` rejects.
 */
export async function useDatabase<T>(
  location: StoreLocation,
  logger: Logger,
  use: (database: FoundDatabase) => Promise<T>,
  limits: StoreLimits = DEFAULT_STORE_LIMITS,
): Promise<T> {
  if ('url' in location) return use({ address: parseDatabaseUrl(location.url), isInUse: undefined })
  const { folder, durable = true } = location
  const host = await findSocket(join(folder, 'data'))
  if (host !== undefined)
    return use({ address: { host, port: PORT, user: USER, database: 'postgres' }, isInUse: true })
  const server = await EmbeddedServer.start({ folder, durable, limits: limits.embedded, logger })
  try {
    return await use({ address: server.address, isInUse: false })
  } finally {
    await server.stop()
  }
}
