import type { Migration } from 'kysely/migration'
import * as tables from './0001-tables.ts'
import * as workerFacts from './0002-worker-facts.ts'
import * as reports from './0003-reports.ts'

/** All migrations by name, in their order. They are listed here because the relay is bundled into one file. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-tables': tables,
  '0002-worker-facts': workerFacts,
  '0003-reports': reports,
}

/** The version of the schema that this code works with: the name of the last migration. */
export const SCHEMA_VERSION = Object.keys(MIGRATIONS).at(-1) as string
