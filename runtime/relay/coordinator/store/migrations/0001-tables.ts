import { type Kysely, sql } from 'kysely'

/**
 * All tables. Constraints are here rather than only in code: two coordinators write at the same time. `sha256` is the
 * type of every credential, so that none can be stored in plain text.
 */
const UP = `
create domain sha256 as text check (value ~ '^[0-9a-f]{64}$');

create table relay (
  only_row boolean primary key default true check (only_row),
  instance uuid not null default gen_random_uuid(),
  epoch bigint not null default 0,
  term bigint not null default 0,
  changes_from bigint not null default 0
);
insert into relay default values;

create table worker_groups (
  name text primary key check (name ~ '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$'),
  port_from integer check (port_from between 1 and 65535),
  port_to integer check (port_to between 1 and 65535),
  spec jsonb not null default '{}' check (jsonb_typeof(spec) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint worker_groups_ports check (
    (port_from is null and port_to is null) or (port_from is not null and port_to >= port_from)
  )
);
insert into worker_groups (name) values ('default');

create table workers (
  id uuid primary key default gen_random_uuid(),
  name text not null check (name <> ''),
  worker_group text not null references worker_groups (name),
  credential_hash sha256 not null constraint workers_credential unique,
  addresses jsonb not null default '{}' check (jsonb_typeof(addresses) = 'object'),
  version text not null default '',
  capacity integer check (capacity >= 0),
  load jsonb not null default '{}' check (jsonb_typeof(load) = 'object'),
  labels jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
  state text not null default 'ready' check (state in ('ready', 'cordoned', 'draining', 'lost', 'left')),
  state_since timestamptz not null default now(),
  joined_at timestamptz not null default now(),
  last_heartbeat_at timestamptz
);
create unique index workers_name on workers (name) where state <> 'left';
create index workers_group on workers (worker_group);

create table join_tokens (
  id uuid primary key default gen_random_uuid(),
  name text not null default '',
  hash sha256 not null constraint join_tokens_hash unique,
  worker_group text not null references worker_groups (name) on delete cascade,
  uses integer not null default 0 check (uses >= 0),
  max_uses integer check (max_uses > 0),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  constraint join_tokens_uses check (uses <= max_uses)
);

create table circuits (
  id uuid primary key default gen_random_uuid(),
  key text not null check (key <> '' and length(key) <= 512),
  owner jsonb not null default '[]' check (jsonb_typeof(owner) = 'array'),
  frontend text not null check (frontend in ('subdomain', 'port')),
  host_label text check (host_label ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  worker_group text not null default 'default' references worker_groups (name),
  port integer check (port between 1 and 65535),
  spec jsonb not null check (jsonb_typeof(spec) = 'object'),
  version bigint not null default 1 check (version > 0),
  state text not null default 'active' check (state in ('registered', 'active', 'draining', 'removed')),
  state_since timestamptz not null default now(),
  status text not null default 'PENDING' check (status in ('PENDING', 'HEALTHY', 'UNHEALTHY')),
  status_reason text,
  status_since timestamptz not null default now(),
  ttl_ms bigint check (ttl_ms > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_access_at timestamptz,
  requests bigint not null default 0 check (requests >= 0),
  constraint circuits_frontend check (
    case
      when state = 'removed' then host_label is null and port is null
      when frontend = 'subdomain' then host_label is not null and port is null
      else host_label is null and port is not null
    end
  )
);
create unique index circuits_key on circuits (key) where state <> 'removed';
create unique index circuits_host_label on circuits (host_label) where host_label is not null;
create unique index circuits_port on circuits (worker_group, port) where port is not null;
create index circuits_owner on circuits using gin (owner jsonb_path_ops);

create table hosts (
  host text primary key check (host ~ '^[a-z0-9.-]{1,253}$'),
  circuit_id uuid not null references circuits (id) on delete cascade
);
create index hosts_circuit on hosts (circuit_id);

create table targets (
  circuit_id uuid not null references circuits (id) on delete cascade,
  id text not null check (id <> '' and length(id) <= 253),
  kind text not null check (kind in ('address', 'cluster', 'devbox')),
  spec jsonb not null check (jsonb_typeof(spec) = 'object'),
  weight integer not null default 1 check (weight between 0 and 1000000),
  position integer not null default 0,
  state text not null default 'active' check (state in ('active', 'draining')),
  created_at timestamptz not null default now(),
  constraint targets_id primary key (circuit_id, id)
);

create table clusters (
  credential text not null,
  name text not null,
  first_seen_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  connected_workers uuid[] not null default '{}',
  constraint clusters_name primary key (credential, name)
);

create table api_keys (
  id uuid primary key default gen_random_uuid(),
  name text not null check (name <> ''),
  prefix text not null check (length(prefix) <= 16),
  hash sha256 not null constraint api_keys_hash unique,
  scopes text[] not null,
  circuits text[],
  created_at timestamptz not null default now(),
  created_by text,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);

create table access_tokens (
  id uuid primary key default gen_random_uuid(),
  name text not null default '',
  hash sha256 not null constraint access_tokens_hash unique,
  circuit_id uuid references circuits (id) on delete cascade,
  holder text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
create index access_tokens_circuit on access_tokens (circuit_id);

create table sessions (
  hash sha256 primary key,
  circuit_id uuid not null references circuits (id) on delete cascade,
  holder text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index sessions_circuit on sessions (circuit_id);
create index sessions_expires on sessions (expires_at);

create table codes (
  hash sha256 primary key,
  circuit_id uuid not null references circuits (id) on delete cascade,
  host text not null,
  holder text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index codes_circuit on codes (circuit_id);
create index codes_expires on codes (expires_at);

create table idempotency (
  api_key_id uuid not null references api_keys (id) on delete cascade,
  key text not null check (key <> '' and length(key) <= 255),
  method text not null,
  path text not null,
  request_hash sha256 not null,
  response_status integer,
  response_headers jsonb,
  response_body jsonb,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  constraint idempotency_key primary key (api_key_id, key)
);
create index idempotency_expires on idempotency (expires_at);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  epoch bigint not null,
  actor text not null,
  action text not null,
  object_kind text not null,
  object_id text not null,
  before jsonb,
  after jsonb,
  request_id text
);
create index audit_at on audit (at);
create index audit_object on audit (object_kind, object_id, id);
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name;
end $$;
create trigger audit_append_only before update on audit for each row execute function refuse_change();

create table changes (
  kind text not null,
  id text not null,
  epoch bigint not null,
  primary key (kind, id)
);
create index changes_epoch on changes (epoch);
create function record_change() returns trigger language plpgsql as $$
declare
  current_epoch bigint := nullif(current_setting('branchline.epoch', true), '');
  changed jsonb;
begin
  if current_epoch is null then
    return null;
  end if;
  changed := to_jsonb(coalesce(new, old));
  insert into changes (kind, id, epoch)
  values (
    tg_argv[0],
    (changed ->> tg_argv[1]) || coalesce('/' || (changed ->> tg_argv[2]), ''),
    current_epoch
  )
  on conflict (kind, id) do update set epoch = excluded.epoch;
  return null;
end $$;
`

/** Which tables are recorded in `changes`: as what, and the columns that make the id. */
const RECORDED: Record<string, readonly string[]> = {
  circuits: ['circuit', 'id'],
  hosts: ['circuit', 'circuit_id'],
  targets: ['circuit', 'circuit_id'],
  worker_groups: ['worker_group', 'name'],
  workers: ['worker', 'id'],
  clusters: ['cluster', 'credential', 'name'],
  api_keys: ['api_key', 'id'],
  access_tokens: ['access_token', 'id'],
  sessions: ['session', 'hash'],
}

const TABLES = [
  'changes, audit, idempotency, codes, sessions, access_tokens, api_keys, clusters, targets, hosts',
  'circuits, join_tokens, workers, worker_groups, relay',
]

/** Creates everything. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql.raw(UP).execute(db)
  for (const [table, args] of Object.entries(RECORDED)) {
    const list = args.map((arg) => `'${arg}'`).join(', ')
    const event = `create trigger ${table}_changes after insert or update or delete on ${table}`
    await sql.raw(`${event} for each row execute function record_change(${list})`).execute(db)
  }
}

/** Removes everything, with all data. */
export async function down(db: Kysely<never>): Promise<void> {
  await sql.raw(`drop table ${TABLES.join(', ')}`).execute(db)
  await sql.raw('drop function record_change, refuse_change; drop domain sha256').execute(db)
}
