import { printable } from '@branchline/runtime/local/printable'
import { terminal } from '../../output/terminal.ts'
import { type Column, tableText } from '../../output/table.ts'
import { CliError } from '../../platform/errors.ts'
import { withDatabaseOf } from './database.ts'
import type { DatabaseOptions } from './options.ts'

export interface MigrateOptions extends DatabaseOptions {
  /** `latest`, `empty` or the name of a migration. */
  readonly to?: string
  readonly list?: boolean
  readonly yes?: boolean
}

/** A migration, and when it was applied. */
interface KnownMigration {
  readonly name: string
  readonly appliedAt: Date | undefined
}

const COLUMNS: readonly Column[] = [{ title: 'MIGRATION' }, { title: 'APPLIED' }]

/** Runs `branchline relay migrate`. Undoing migrations needs `--yes`, because it deletes data. */
export async function runMigrate(options: MigrateOptions): Promise<void> {
  const { to = 'latest', list = false, yes = false } = options
  const { DEFAULT_STORE_LIMITS } = await import('@branchline/runtime/relay/coordinator/store/limits')
  const { listMigrations, migrate } = await import('@branchline/runtime/relay/coordinator/store/migrate')
  const text = await withDatabaseOf(
    options,
    async ({ address, isInUse }) => {
      const known = await listMigrations(address, DEFAULT_STORE_LIMITS)
      if (list) return listText(known)
      const undone = undoneBy(known, to)
      if (undone.length > 0) refuseUndoing(undone, isInUse, yes)
      const { applied } = await migrate(address, DEFAULT_STORE_LIMITS, to)
      if (applied.length === 0) return 'nothing to do: the database is at this version\n'
      return applied.map((name) => `${undone.includes(name) ? 'undone' : 'applied'} ${name}\n`).join('')
    },
    { mayCreate: !list },
  )
  process.stdout.write(printable(text))
}

const listText = (known: readonly KnownMigration[]): string =>
  tableText(
    COLUMNS,
    known.map(({ name, appliedAt }) => ({ cells: [name, appliedAt?.toISOString() ?? 'no'] })),
    terminal(),
  )

/** The applied migrations that a way to another version undoes, the newest first. Pure. */
export function undoneBy(known: readonly KnownMigration[], to: string): string[] {
  if (to === 'latest') return []
  const applied = known.filter(({ appliedAt }) => appliedAt !== undefined).map(({ name }) => name)
  return applied.filter((name) => to === 'empty' || name > to).toReversed()
}

function refuseUndoing(undone: readonly string[], isInUse: boolean | undefined, yes: boolean): void {
  if (isInUse === true)
    throw new CliError('BL_RELAY_START', 'a relay uses this database: stop it before you undo migrations')
  if (yes) return
  throw new CliError(
    'BL_USAGE',
    [
      `this undoes ${undone.join(', ')}, and deletes the data in the tables and columns that they added.`,
      'Stop all coordinators, and make a backup first: branchline relay backup FILE.',
      'Add --yes to do it.',
    ].join('\n'),
  )
}
