import type { Command } from 'commander'
import { withExamples } from '../../program/examples.ts'
import { runBackup, runRestore } from './backup.ts'
import { type MigrateOptions, runMigrate } from './migrate.ts'
import { withDatabase } from './options.ts'

/** Adds `relay migrate`, `backup` and `restore`. */
export function addDatabaseCommands(relay: Command): void {
  addMigrate(relay)
  addBackup(relay)
  addRestore(relay)
}

function addMigrate(relay: Command): void {
  const command = relay
    .command('migrate')
    .description(
      "Bring the relay's database to the version of this command, as a start does, or to another one.",
    )
    .option(
      '--to <migration>',
      'latest (default), the name of a migration, or empty, which deletes everything',
    )
    .option('--list', 'only list the migrations')
    .option('--yes', 'undo migrations, which deletes the data in what they added')
    .action(async (options: MigrateOptions) => {
      await runMigrate(options)
    })
  withExamples(
    withDatabase(command),
    ['branchline relay migrate --state ./relay --list', 'which migrations there are'],
    ['DATABASE_URL=postgres://… branchline relay migrate', 'before an upgrade of several coordinators'],
  )
}

function addBackup(relay: Command): void {
  const command = relay
    .command('backup')
    .description(
      'Write everything that the relay knows to a file, while it runs. Credentials are hashes there.',
    )
    .argument('<file>', 'file to write; only you can read it')
    .option('--force', 'replace the file if it exists')
    .action(async (file: string, options: Parameters<typeof runBackup>[1]) => {
      await runBackup(file, options)
    })
  withExamples(withDatabase(command), [
    'branchline relay backup relay-backup.jsonl --state ./relay',
    'of a relay with its own PostgreSQL',
  ])
}

function addRestore(relay: Command): void {
  const command = relay
    .command('restore')
    .description('Read a backup into a database: completely, or not at all. A running relay follows.')
    .argument('<file>', 'file of branchline relay backup')
    .option('--force', 'replace the data of a database that is not empty')
    .action(async (file: string, options: Parameters<typeof runRestore>[1]) => {
      await runRestore(file, options)
    })
  withExamples(withDatabase(command), [
    'branchline relay restore relay-backup.jsonl --state ./relay2',
    'into a new folder',
  ])
}
