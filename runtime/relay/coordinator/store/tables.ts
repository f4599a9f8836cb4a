import type { ColumnType, Generated, GeneratedAlways, JSONColumnType } from 'kysely'

/** A time. Write a Date, or an ISO 8601 string. */
type Time = ColumnType<Date, Date | string, Date | string>
type MaybeTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>
type GeneratedTime = ColumnType<Date, Date | string | undefined, Date | string>
/** JSON. Read a value, write `JSON.stringify(value)`. */
type Json<T extends object> = JSONColumnType<T>
type GeneratedJson<T extends object> = ColumnType<T, string | undefined, string>
type MaybeJson = ColumnType<unknown, string | null | undefined, string | null>
type Maybe<T> = ColumnType<T | null, T | null | undefined, T | null>
/** Any JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Who may change a circuit: the holder of an API key, or a cluster that has registered it over its tunnel. */
export type CircuitOwner =
  | { readonly type: 'key'; readonly id: string }
  | { readonly type: 'cluster'; readonly credential: string; readonly cluster: string }

/** One row, which all changes lock: {@link Store.change}. */
export interface RelayTable {
  readonly only_row: GeneratedAlways<boolean>
  /** Identifies the database. A restored one has another. */
  readonly instance: Generated<string>
  readonly epoch: Generated<number>
  readonly term: Generated<number>
  /** `changes` is complete for epochs above this. */
  readonly changes_from: Generated<number>
}

/** Workers that serve the same circuits, and the ports that they may give to circuits (both or neither). */
export interface WorkerGroupTable {
  readonly name: string
  readonly port_from: Maybe<number>
  readonly port_to: Maybe<number>
  readonly spec: GeneratedJson<JsonObject>
  readonly created_at: GeneratedTime
  readonly updated_at: GeneratedTime
}

/** Workers that have joined. Names are unique among those that have not left. */
export interface WorkerTable {
  readonly id: Generated<string>
  readonly name: string
  readonly worker_group: string
  readonly credential_hash: string
  readonly addresses: GeneratedJson<JsonObject>
  readonly version: Generated<string>
  readonly capacity: Maybe<number>
  readonly load: GeneratedJson<JsonObject>
  readonly labels: GeneratedJson<Readonly<Record<string, string>>>
  readonly state: Generated<'ready' | 'cordoned' | 'draining' | 'lost' | 'left'>
  readonly state_since: GeneratedTime
  readonly state_reason: Maybe<string>
  /** The state to which a lost worker returns. */
  readonly state_before: Maybe<'ready' | 'cordoned' | 'draining'>
  /** What else it says about itself: `backends`, `ports`, `peerHash`. */
  readonly facts: GeneratedJson<JsonObject>
  readonly joined_at: GeneratedTime
  readonly last_heartbeat_at: MaybeTime
}

/** Tokens with which workers join a group. */
export interface JoinTokenTable {
  readonly id: Generated<string>
  readonly name: Generated<string>
  readonly hash: string
  readonly worker_group: string
  readonly uses: Generated<number>
  readonly max_uses: Maybe<number>
  readonly created_at: GeneratedTime
  readonly expires_at: MaybeTime
  readonly revoked_at: MaybeTime
}

/**
 * Circuits. `spec` has every field of the REST shape that is not a column. Keys are unique among circuits that are not
 * removed. A removed circuit has neither label nor port.
 */
export interface CircuitTable {
  readonly id: Generated<string>
  readonly key: string
  readonly owner: GeneratedJson<readonly CircuitOwner[]>
  readonly frontend: 'subdomain' | 'port'
  readonly host_label: Maybe<string>
  readonly worker_group: Generated<string>
  readonly port: Maybe<number>
  readonly spec: Json<JsonObject>
  /** The ETag. Whoever changes what clients see increments it. */
  readonly version: Generated<number>
  readonly state: Generated<'registered' | 'active' | 'draining' | 'removed'>
  readonly state_since: GeneratedTime
  readonly status: Generated<'PENDING' | 'HEALTHY' | 'UNHEALTHY'>
  readonly status_reason: Maybe<string>
  readonly status_since: GeneratedTime
  readonly ttl_ms: Maybe<number>
  readonly created_at: GeneratedTime
  readonly updated_at: GeneratedTime
  readonly last_access_at: MaybeTime
  readonly requests: Generated<number>
}

/** Further host names of circuits, in lower case and punycode. */
export interface HostTable {
  readonly host: string
  readonly circuit_id: string
}

/** Targets of circuits, ordered by `position`. */
export interface TargetTable {
  readonly circuit_id: string
  readonly id: string
  readonly kind: 'address' | 'cluster' | 'devbox'
  readonly spec: Json<JsonObject>
  readonly weight: Generated<number>
  readonly position: Generated<number>
  readonly state: Generated<'active' | 'draining'>
  readonly created_at: GeneratedTime
}

/** Clusters that have connected, and the workers that hold a tunnel of theirs. */
export interface ClusterTable {
  readonly credential: string
  readonly name: string
  readonly first_seen_at: GeneratedTime
  readonly last_seen_at: GeneratedTime
  readonly connected_workers: Generated<string[]>
}

/** API keys. `prefix` is the part that lists may show; `circuits` restricts a key to some circuits (null: all). */
export interface ApiKeyTable {
  readonly id: Generated<string>
  readonly name: string
  readonly prefix: string
  readonly hash: string
  readonly scopes: string[]
  readonly circuits: Maybe<string[]>
  readonly created_at: GeneratedTime
  readonly created_by: Maybe<string>
  readonly expires_at: MaybeTime
  readonly revoked_at: MaybeTime
  readonly last_used_at: MaybeTime
}

/** Tokens with which visitors and machines reach one circuit, or all (null). */
export interface AccessTokenTable {
  readonly id: Generated<string>
  readonly name: Generated<string>
  readonly hash: string
  /** Ids of the circuits that it opens, which may be gone. Null: all of the organization. */
  readonly circuits: Maybe<string[]>
  readonly holder: string
  readonly created_at: GeneratedTime
  readonly expires_at: MaybeTime
  readonly revoked_at: MaybeTime
  readonly last_used_at: MaybeTime
}

/** What one worker reports about one circuit. */
export interface ReportTable {
  readonly circuit_id: string
  readonly worker_id: string
  /** Version that the worker serves. Null: none yet. */
  readonly version: Maybe<number>
  /** Why the worker cannot serve it, as a sentence. */
  readonly fault: Maybe<string>
  /** Health of targets by id. */
  readonly targets: GeneratedJson<Readonly<Record<string, ReportedHealth>>>
  /** Connections, WebSockets and streams that are open. */
  readonly open: Generated<number>
}

/** Health of a target as a worker reports it. */
export interface ReportedHealth {
  readonly status: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN'
  readonly reason?: string
  readonly sinceMs?: number
}

/** Sessions of browsers: the hash of the cookie's id. */
export interface SessionTable {
  readonly hash: string
  readonly circuit_id: string
  readonly holder: string
  readonly created_at: GeneratedTime
  readonly expires_at: Time
  readonly revoked_at: MaybeTime
}

/** One-time codes that become sessions. */
export interface CodeTable {
  readonly hash: string
  readonly circuit_id: string
  readonly host: string
  readonly holder: string
  readonly created_at: GeneratedTime
  readonly expires_at: Time
  readonly used_at: MaybeTime
}

/** Answers to requests with an idempotency key. Without `response_status`, the request is still running. */
export interface IdempotencyTable {
  readonly api_key_id: string
  readonly key: string
  readonly method: string
  readonly path: string
  readonly request_hash: string
  readonly response_status: Maybe<number>
  readonly response_headers: MaybeJson
  readonly response_body: MaybeJson
  readonly created_at: GeneratedTime
  readonly expires_at: Time
}

/** What was changed, by whom. Rows cannot be updated. */
export interface AuditTable {
  readonly id: GeneratedAlways<number>
  readonly at: GeneratedTime
  readonly epoch: number
  readonly actor: string
  readonly action: string
  readonly object_kind: string
  readonly object_id: string
  readonly before: MaybeJson
  readonly after: MaybeJson
  readonly request_id: Maybe<string>
}

/** What {@link ChangeTable} names. A circuit's targets and hosts count as the circuit. */
export type ChangedKind =
  | 'circuit'
  | 'worker_group'
  | 'worker'
  | 'cluster'
  | 'api_key'
  | 'access_token'
  | 'session'

/** The epoch at which each object was last changed or deleted. Triggers write it. */
export interface ChangeTable {
  readonly kind: ChangedKind
  readonly id: string
  readonly epoch: number
}

/** All tables by name. */
export interface Tables {
  readonly relay: RelayTable
  readonly worker_groups: WorkerGroupTable
  readonly workers: WorkerTable
  readonly join_tokens: JoinTokenTable
  readonly circuits: CircuitTable
  readonly hosts: HostTable
  readonly targets: TargetTable
  readonly reports: ReportTable
  readonly clusters: ClusterTable
  readonly api_keys: ApiKeyTable
  readonly access_tokens: AccessTokenTable
  readonly sessions: SessionTable
  readonly codes: CodeTable
  readonly idempotency: IdempotencyTable
  readonly audit: AuditTable
  readonly changes: ChangeTable
}
