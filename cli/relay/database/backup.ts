import { existsSync } from 'node:fs'
import { printable } from '@branchline/runtime/local/printable'
import { CliError } from '../../platform/errors.ts'
import { withDatabaseOf } from './database.ts'
import type { DatabaseOptions } from './options.ts'

/** Runs `branchline relay backup`. The relay may run. */
export async function runBackup(
  file: string,
  options: DatabaseOptions & { readonly force?: boolean },
): Promise<void> {
  if (existsSync(file) && options.force !== true)
    throw new CliError('BL_USAGE', `${file} exists: choose another name, or add --force to replace it`)
  const { DEFAULT_STORE_LIMITS } = await import('@branchline/runtime/relay/coordinator/store/limits')
  const { backup } = await import('@branchline/runtime/relay/coordinator/store/backup/backup')
  const { rows } = await withDatabaseOf(options, ({ address }) => backup(address, DEFAULT_STORE_LIMITS, file))
  process.stdout.write(printable(`wrote ${rows} rows to ${file}, which only you can read\n`))
}

/** Runs `branchline relay restore`. A running relay follows. */
export async function runRestore(
  file: string,
  options: DatabaseOptions & { readonly force?: boolean },
): Promise<void> {
  if (!existsSync(file)) throw new CliError('BL_USAGE', `${file} does not exist: check the path`)
  const { DEFAULT_STORE_LIMITS } = await import('@branchline/runtime/relay/coordinator/store/limits')
  const { restore } = await import('@branchline/runtime/relay/coordinator/store/backup/restore')
  const { force = false } = options
  const { rows } = await withDatabaseOf(
    options,
    ({ address }) => restore(address, DEFAULT_STORE_LIMITS, file, { force }),
    { mayCreate: true },
  )
  process.stdout.write(printable(`restored ${rows} rows from ${file}\n`))
}
