import { randomUUID } from 'node:crypto'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { temporaryFolder } from '../../../process/temporary.ts'
import { removeFolder } from '../../../testing/folder.ts'
import { type DatabaseAddress, openConnection } from './connection.ts'
import { EmbeddedServer } from './embedded/server.ts'
import { DEFAULT_STORE_LIMITS, type StoreLimits } from './limits.ts'
import { migrate } from './migrate.ts'
import { Store } from './store.ts'

/** A store of a test. */
export interface TestStore {
  readonly store: Store
  /** How further stores, or raw connections, reach the same database. */
  readonly address: DatabaseAddress
  /** Opens a further store on the same database, as a second coordinator does. */
  readonly further: (limits?: Partial<StoreLimits>) => Store
}

/** A server that the tests of one file share. */
export interface TestServer {
  readonly server: EmbeddedServer
  /** Creates an empty database without tables. */
  database(): Promise<DatabaseAddress>
  /** Creates a database of its own with all tables, and opens a store on it. */
  testStore(limits?: Partial<StoreLimits>): Promise<TestStore>
  /** Opens a store on a database, which {@link TestServer.closeStores} closes. */
  open(address: DatabaseAddress, limits?: Partial<StoreLimits>): Store
  /** Closes all stores, for `afterEach`. */
  closeStores(): Promise<void>
  /** Stops the server and removes its data, for `afterAll`. */
  stop(): Promise<void>
}

const TEMPLATE = 'branchline_template'

/** Starts a server for the tests of one file: about 0.4 s after the first time on a machine. `level` shows its log. */
export async function testServer(level = 'silent'): Promise<TestServer> {
  const logger = pino({ level })
  const folder = temporaryFolder('store')
  const server = await EmbeddedServer.start({
    folder,
    durable: false,
    templates: join(homedir(), '.cache', 'branchline'),
    limits: DEFAULT_STORE_LIMITS.embedded,
    logger,
  })
  const stores = new Set<Store>()
  const open = (address: DatabaseAddress, limits: Partial<StoreLimits> = {}): Store => {
    const store = new Store({ address, limits: { ...DEFAULT_STORE_LIMITS, ...limits }, logger })
    stores.add(store)
    return store
  }
  const closeStores = async (): Promise<void> => {
    const closing = [...stores].map((store) => store.close())
    stores.clear()
    await Promise.all(closing)
  }
  const database = (): Promise<DatabaseAddress> => createDatabase(server)
  let template: Promise<void> | undefined
  return {
    server,
    database,
    open,
    closeStores,
    testStore: async (limits) => {
      template ??= createTemplate(server)
      await template
      const address = await createDatabase(server, TEMPLATE)
      return {
        store: open(address, limits),
        address,
        further: (more) => open(address, { ...limits, ...more }),
      }
    },
    stop: async () => {
      await closeStores()
      await server.stop()
      await removeFolder(folder)
    },
  }
}

async function createTemplate(server: EmbeddedServer): Promise<void> {
  const address = await createDatabase(server, undefined, TEMPLATE)
  await migrate(address, DEFAULT_STORE_LIMITS)
}

async function createDatabase(
  server: EmbeddedServer,
  template = 'template0',
  name = `test_${randomUUID().replaceAll('-', '')}`,
): Promise<DatabaseAddress> {
  const connection = await openConnection(server.address, DEFAULT_STORE_LIMITS)
  try {
    await connection.query(`create database ${name} template ${template} strategy file_copy`)
  } finally {
    connection.close()
  }
  return { ...server.address, database: name }
}
