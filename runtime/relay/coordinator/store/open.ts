import type { Logger } from '../../../process/log.ts'
import { type DatabaseAddress, parseDatabaseUrl } from './connection.ts'
import { EmbeddedServer, runningAddress } from './embedded/server.ts'
import { DEFAULT_STORE_LIMITS, type StoreLimits } from './limits.ts'
import { migrate } from './migrate.ts'
import { Store } from './store.ts'

/** Where the tables are: in a server that `DATABASE_URL` names, or in an embedded one. */
export type StoreLocation =
  | { readonly url: string }
  | {
      /** The folder of the embedded server, such as `DIR/postgres`. */
      readonly folder: string
      /** See {@link EmbeddedServer}. Default: true. */
      readonly durable?: boolean
      /** A folder that keeps empty data for faster first starts, such as `~/.cache/branchline`. */
      readonly templates?: string
    }

/** An open store. `close` also stops the embedded server. */
export interface OpenStore {
  readonly store: Store
  /** The embedded server, if there is one. */
  readonly server?: EmbeddedServer
  readonly close: () => Promise<void>
}

/**
 * Starts the embedded server if there is one, migrates the tables to the version of this code, and opens the store.
 * Rejects with BL_RELAY_DATABASE if the server cannot be reached (try again), with BL_RELAY_EMBEDDED or BL_RELAY_SCHEMA
 * and a sentence otherwise.
 */
export async function openStore(
  location: StoreLocation,
  logger: Logger,
  limits: StoreLimits = DEFAULT_STORE_LIMITS,
): Promise<OpenStore> {
  if ('url' in location) return openAt(parseDatabaseUrl(location.url), logger, limits)
  const server = await startServer(location, logger, limits)
  try {
    const opened = await openAt(server.address, logger, limits)
    const close = async (): Promise<void> => {
      await opened.close()
      await server.stop()
    }
    return { ...opened, server, close }
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** Opens the store of a relay that runs, also of its embedded server. Migrates nothing. */
export function openRunning(
  location: StoreLocation,
  logger: Logger,
  limits: StoreLimits = DEFAULT_STORE_LIMITS,
): OpenStore {
  const address = 'url' in location ? parseDatabaseUrl(location.url) : runningAddress(location.folder)
  const store = new Store({ address, limits, logger })
  return { store, close: () => store.close() }
}

async function openAt(address: DatabaseAddress, logger: Logger, limits: StoreLimits): Promise<OpenStore> {
  const { applied } = await migrate(address, limits)
  if (applied.length > 0) logger.info({ applied }, 'migrated the database')
  const store = new Store({ address, limits, logger })
  return { store, close: () => store.close() }
}

function startServer(
  location: Exclude<StoreLocation, { url: string }>,
  logger: Logger,
  limits: StoreLimits,
): Promise<EmbeddedServer> {
  const { folder, durable = true, templates } = location
  return EmbeddedServer.start({
    folder,
    durable,
    limits: limits.embedded,
    logger,
    ...(templates !== undefined && { templates }),
  })
}
