import { type Kysely, sql } from 'kysely'

const UP = `
alter table workers
  add column facts jsonb not null default '{}' check (jsonb_typeof(facts) = 'object'),
  add column state_reason text,
  add column state_before text check (state_before in ('ready', 'cordoned', 'draining'))
`
const DOWN = 'alter table workers drop column facts, drop column state_reason, drop column state_before'

/** Adds what workers say about themselves, and why they are in their state. */
export const up = async (db: Kysely<never>): Promise<void> => void (await sql.raw(UP).execute(db))

/** Removes these columns. */
export const down = async (db: Kysely<never>): Promise<void> => void (await sql.raw(DOWN).execute(db))
