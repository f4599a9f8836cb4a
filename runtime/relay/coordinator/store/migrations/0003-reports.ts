import { type Kysely, sql } from 'kysely'

const UP = `
create table reports (
  circuit_id uuid not null references circuits (id) on delete cascade,
  worker_id uuid not null references workers (id) on delete cascade,
  version bigint,
  fault text,
  targets jsonb not null default '{}' check (jsonb_typeof(targets) = 'object'),
  open integer not null default 0 check (open >= 0),
  constraint reports_circuit primary key (circuit_id, worker_id)
);
create index reports_worker on reports (worker_id);
alter table access_tokens drop column circuit_id, add column circuits uuid[];
`
const DOWN = `
drop table reports;
-- Without its list, such a token would open everything.
update access_tokens set revoked_at = coalesce(revoked_at, now()) where circuits is not null;
alter table access_tokens
  drop column circuits,
  add column circuit_id uuid references circuits (id) on delete cascade;
create index access_tokens_circuit on access_tokens (circuit_id);
`

/** Adds what workers report about circuits, and lets an access token open several circuits. */
export const up = async (db: Kysely<never>): Promise<void> => void (await sql.raw(UP).execute(db))

/** Removes both. Revokes tokens of single circuits, which would open everything. */
export const down = async (db: Kysely<never>): Promise<void> => void (await sql.raw(DOWN).execute(db))
