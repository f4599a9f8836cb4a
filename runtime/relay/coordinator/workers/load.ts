import { sql } from 'kysely'
import type { DeployedCredential, DeployedSession } from '@branchline/wire/circuits/table'
import { idIn } from '../store/ids.ts'
import type { Tx } from '../store/store.ts'
import type { ChangedKind } from '../store/tables.ts'
import {
  CIRCUIT_COLUMNS,
  type KnownWorker,
  keyCredentialOf,
  knownOf,
  type PlacedCircuit,
  placedOf,
  sessionOf,
  TARGET_COLUMNS,
  tokenCredentialOf,
} from './rows.ts'

/** Changed objects by id. Undefined: it is gone. */
type Changed<T> = ReadonlyMap<string, T | undefined>

/** A cluster that has connected, and the workers to which it has links. */
export interface KnownCluster {
  readonly credential: string
  readonly name: string
  readonly workers: readonly string[]
}

/** What has changed in the database. */
export interface Loaded {
  /** Whether this is everything: what it does not name does not exist. */
  readonly full: boolean
  readonly circuits: Changed<PlacedCircuit>
  readonly credentials: Changed<DeployedCredential>
  readonly sessions: Changed<DeployedSession>
  readonly workers: Changed<KnownWorker>
  /** All clusters. Undefined if none has changed. */
  readonly clusters: readonly KnownCluster[] | undefined
}

/** The ids of one kind that have changed. Undefined: all. */
type Ids = readonly string[] | undefined

/**
 * Reads what has changed since an epoch, in a transaction of {@link Store.snapshot}. Everything if the database does not
 * know that any more, or if `since` is undefined.
 */
export async function load(tx: Tx, since: number | undefined): Promise<Loaded> {
  const { changes_from: first } = await tx
    .selectFrom('relay')
    .select('changes_from')
    .executeTakeFirstOrThrow()
  const changes = since === undefined || since < first ? undefined : await changesSince(tx, since)
  const idsOf = (kind: ChangedKind): Ids => (changes === undefined ? undefined : (changes.get(kind) ?? []))
  const hasClusters = idsOf('cluster')?.length !== 0
  return {
    full: changes === undefined,
    circuits: await loadCircuits(tx, idsOf('circuit')),
    credentials: new Map([
      ...(await loadKeys(tx, idsOf('api_key'))),
      ...(await loadTokens(tx, idsOf('access_token'))),
    ]),
    sessions: await loadSessions(tx, idsOf('session')),
    workers: await loadWorkers(tx, idsOf('worker')),
    clusters: hasClusters ? await loadClusters(tx) : undefined,
  }
}

/** The most changes that are read one by one. Each is a parameter of a statement, which has at most 65,535. */
const MAX_CHANGES = 20_000

async function changesSince(
  tx: Tx,
  since: number,
): Promise<ReadonlyMap<ChangedKind, readonly string[]> | undefined> {
  const rows = await tx
    .selectFrom('changes')
    .select(['kind', 'id'])
    .where('epoch', '>', since)
    .limit(MAX_CHANGES + 1)
    .execute()
  if (rows.length > MAX_CHANGES) return undefined
  const byKind = new Map<ChangedKind, string[]>()
  for (const { kind, id } of rows) {
    const known = byKind.get(kind)
    if (known === undefined) byKind.set(kind, [id])
    else known.push(id)
  }
  return byKind
}

/** The result with every id that was asked for: one without a row is gone. */
function complete<T>(
  ids: Ids,
  found: Iterable<readonly [string, T | undefined]>,
): Map<string, T | undefined> {
  const result = new Map<string, T | undefined>((ids ?? []).map((id) => [id, undefined]))
  for (const [id, value] of found) result.set(id, value)
  return result
}

/** Only the columns that workers get: of 10,000 circuits, all columns take twice as long. */
async function loadCircuits(tx: Tx, ids: Ids): Promise<Changed<PlacedCircuit>> {
  if (ids?.length === 0) return new Map()
  const of = (column: string) => (ids === undefined ? sql<boolean>`true` : idIn(column, ids))
  const rows = await tx
    .selectFrom('circuits')
    .select(CIRCUIT_COLUMNS)
    .where('state', '<>', 'removed')
    .where(of('id'))
    .execute()
  const hosts = await tx
    .selectFrom('hosts')
    .select(['circuit_id', 'host'])
    .where(of('circuit_id'))
    .orderBy('host')
    .execute()
  const targets = await tx
    .selectFrom('targets')
    .select(['circuit_id', ...TARGET_COLUMNS])
    .where(of('circuit_id'))
    .orderBy('position')
    .orderBy('id')
    .execute()
  const clusters = await tx.selectFrom('clusters').select(['credential', 'name']).execute()
  const credentials = new Map(clusters.map(({ credential, name }) => [name, credential]))
  const hostsOf = Map.groupBy(hosts, (row) => row.circuit_id)
  const targetsOf = Map.groupBy(targets, (row) => row.circuit_id)
  const placed = rows.map((row) => {
    const names = (hostsOf.get(row.id) ?? []).map(({ host }) => host)
    const found = placedOf(row, names, targetsOf.get(row.id) ?? [], (name) => credentials.get(name))
    return [row.id, found] as const
  })
  return complete(ids, placed)
}

async function loadKeys(tx: Tx, ids: Ids): Promise<Changed<DeployedCredential>> {
  if (ids?.length === 0) return new Map()
  const query = tx.selectFrom('api_keys').selectAll()
  const rows = await (ids === undefined ? query : query.where('id', 'in', [...ids])).execute()
  return complete(
    ids,
    rows.map((row) => [row.id, keyCredentialOf(row)] as const),
  )
}

async function loadTokens(tx: Tx, ids: Ids): Promise<Changed<DeployedCredential>> {
  if (ids?.length === 0) return new Map()
  const query = tx.selectFrom('access_tokens').selectAll()
  const rows = await (ids === undefined ? query : query.where('id', 'in', [...ids])).execute()
  return complete(
    ids,
    rows.map((row) => [row.id, tokenCredentialOf(row)] as const),
  )
}

async function loadSessions(tx: Tx, ids: Ids): Promise<Changed<DeployedSession>> {
  if (ids?.length === 0) return new Map()
  const query = tx.selectFrom('sessions').selectAll().where('expires_at', '>', new Date())
  const rows = await (ids === undefined ? query : query.where('hash', 'in', [...ids])).execute()
  return complete(
    ids,
    rows.map((row) => [row.hash, sessionOf(row)] as const),
  )
}

async function loadWorkers(tx: Tx, ids: Ids): Promise<Changed<KnownWorker>> {
  if (ids?.length === 0) return new Map()
  const query = tx.selectFrom('workers').selectAll()
  const rows = await (ids === undefined ? query : query.where('id', 'in', [...ids])).execute()
  return complete(
    ids,
    rows.map((row) => [row.id, knownOf(row)] as const),
  )
}

async function loadClusters(tx: Tx): Promise<KnownCluster[]> {
  const rows = await tx.selectFrom('clusters').selectAll().execute()
  return rows.map(({ credential, name, connected_workers: workers }) => ({ credential, name, workers }))
}
