import type { Command } from 'commander'
import type { StoreLocation } from '@branchline/runtime/relay/coordinator/store/open'
import { join } from 'node:path'
import { CliError } from '../../platform/errors.ts'

/** The options by which a user names the database of a relay. */
export interface DatabaseOptions {
  readonly state?: string
}

/** Adds the option that chooses a database. */
export const withDatabase = (command: Command): Command =>
  command.option('--state <folder>', "the relay's folder; default: the PostgreSQL of DATABASE_URL")

/** Where the database is. Throws a {@link CliError} if neither the option nor the variable says so, or both do. */
export function locationOf(
  { state }: DatabaseOptions,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): StoreLocation {
  const url = environment['DATABASE_URL'] ?? ''
  if (state !== undefined && url !== '')
    throw new CliError('BL_USAGE', '--state and DATABASE_URL name two databases: give one of them')
  if (state !== undefined) return { folder: join(state, 'postgres') }
  if (url !== '') return { url }
  throw new CliError(
    'BL_USAGE',
    'which relay? Name its folder with --state DIR, or its PostgreSQL with DATABASE_URL',
  )
}
