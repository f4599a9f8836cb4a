import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createLogger, type Logger } from '@branchline/runtime/process/log'
import type { FoundDatabase } from '@branchline/runtime/relay/coordinator/store/use-database'
import { CliError } from '../../platform/errors.ts'
import { readableLog } from '../start/log.ts'
import { type DatabaseOptions, locationOf } from './options.ts'

/** Lets a function use the database that the options name. Rejects with a CliError that says what to do. */
export async function withDatabaseOf<T>(
  options: DatabaseOptions,
  use: (database: FoundDatabase, logger: Logger) => Promise<T>,
  { mayCreate = false } = {},
): Promise<T> {
  const location = locationOf(options)
  const { state = '' } = options
  if ('folder' in location && !mayCreate && !existsSync(join(location.folder, 'data')))
    throw new CliError('BL_USAGE', `--state is ${state}, where no relay has kept its data: check the path`)
  const logger = createLogger('relay', 'error', readableLog(process.stderr))
  const { useDatabase } = await import('@branchline/runtime/relay/coordinator/store/use-database')
  try {
    return await useDatabase(location, logger, (database) => use(database, logger))
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    if (typeof code !== 'string' || !code.startsWith('BL_') || error instanceof CliError) throw error
    throw new CliError('BL_RELAY_START', message, { cause: error })
  }
}
