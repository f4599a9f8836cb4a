import { sql, type Selectable } from 'kysely'
import { type ProblemError, refusal } from '@branchline/wire/circuits/problem'
import { type Worker, load as loadSchema } from '@branchline/wire/circuits/worker'
import type { Page, PageQuery } from '../access/paging.ts'
import { actorOf, type Caller } from '../circuits/caller.ts'
import { cursorOf, DEFAULT_PAGE, readCursor } from '../circuits/list.ts'
import type { Reader, Store } from '../store/store.ts'
import type { WorkerTable } from '../store/tables.ts'

type WorkerRow = Selectable<WorkerTable>

/** Lists workers by name. */
export async function listWorkers(
  store: Store,
  { limit = DEFAULT_PAGE, cursor, group }: PageQuery & { readonly group?: string | undefined },
): Promise<Page<Worker>> {
  const { value: rows } = await store.snapshot(async (tx) => {
    let query = present(tx)
    if (group !== undefined) query = query.where('worker_group', '=', group)
    if (cursor !== undefined) query = query.where('name', '>', readCursor(cursor))
    const workers = await query
      .orderBy('name')
      .limit(limit + 1)
      .execute()
    return withClusters(tx, workers)
  })
  const items = rows.slice(0, limit).map(toWorker)
  const last = items.at(-1)
  return rows.length > limit && last !== undefined ? { items, next: cursorOf(last.name) } : { items }
}

/** Gets a worker by its name or id. */
export async function getWorker(store: Store, nameOrId: string): Promise<Worker> {
  const { value } = await store.snapshot(async (tx) => {
    const row = await findWorker(tx, nameOrId)
    return (await withClusters(tx, [row]))[0]
  })
  return toWorker(value as WorkerRow & { clusters: string[] })
}

/** Cordons a worker, drains it, or ends both. A lost worker takes the state when it returns. */
export async function setWorkerState(
  store: Store,
  caller: Caller,
  nameOrId: string,
  state: 'ready' | 'cordoned' | 'draining',
): Promise<Worker> {
  await store.change(actorOf(caller), async (change) => {
    const row = await findWorker(change.tx, nameOrId)
    const isLost = row.state === 'lost'
    if ((isLost ? row.state_before : row.state) === state) return change.unchanged()
    await change.tx
      .updateTable('workers')
      .set(isLost ? { state_before: state } : { state, state_since: new Date(), state_reason: null })
      .where('id', '=', row.id)
      .execute()
    change.audit({ action: `worker.${state}`, kind: 'worker', id: row.name, before: { state: row.state } })
  })
  return getWorker(store, nameOrId)
}

/** Removes a worker. Its credential is not valid any more. Circuits stay. */
export async function removeWorker(store: Store, caller: Caller, nameOrId: string): Promise<void> {
  await store.change(actorOf(caller), async ({ tx, audit }) => {
    const row = await findWorker(tx, nameOrId)
    await tx
      .updateTable('workers')
      .set({ state: 'left', state_since: new Date() })
      .where('id', '=', row.id)
      .execute()
    await tx.deleteFrom('reports').where('worker_id', '=', row.id).execute()
    audit({ action: 'worker.delete', kind: 'worker', id: row.name })
  })
}

const present = (db: Reader) => db.selectFrom('workers').selectAll().where('state', '<>', 'left')

async function findWorker(db: Reader, nameOrId: string): Promise<WorkerRow> {
  const row = await present(db)
    .where((eb) => eb.or([eb('name', '=', nameOrId), eb(sql`id::text`, '=', nameOrId)]))
    .executeTakeFirst()
  if (row === undefined) throw noWorker(nameOrId)
  return row
}

const noWorker = (nameOrId: string): ProblemError =>
  refusal('not-found', { detail: `There is no worker with the name or id ${nameOrId}.` })

async function withClusters(
  db: Reader,
  rows: readonly WorkerRow[],
): Promise<(WorkerRow & { clusters: string[] })[]> {
  const clusters = await db.selectFrom('clusters').select(['name', 'connected_workers']).execute()
  const namesOf = (id: string): string[] =>
    clusters.flatMap(({ name, connected_workers: workers }) => (workers.includes(id) ? name : []))
  return rows.map((row) => Object.assign(row, { clusters: namesOf(row.id).sort() }))
}

function toWorker(row: WorkerRow & { clusters: string[] }): Worker {
  const load = loadSchema.safeParse(row.load)
  const { servedEpoch } = row.load as { readonly servedEpoch?: number }
  const facts = row.facts as Partial<Pick<Worker, 'backends' | 'ports'>>
  return {
    id: row.id,
    name: row.name,
    group: row.worker_group,
    version: row.version,
    labels: row.labels,
    backends: facts.backends ?? [],
    ...(facts.ports === undefined ? {} : { ports: facts.ports }),
    addresses: row.addresses,
    maxCircuits: row.capacity ?? 1,
    state: row.state === 'left' ? 'lost' : row.state,
    ...(row.state_reason === null ? {} : { stateReason: row.state_reason }),
    stateSince: row.state_since.toISOString(),
    joinedAt: row.joined_at.toISOString(),
    ...(row.last_heartbeat_at === null ? {} : { lastHeartbeatAt: row.last_heartbeat_at.toISOString() }),
    ...(load.success ? { load: load.data } : {}),
    ...(servedEpoch === undefined ? {} : { servedEpoch }),
    clusters: row.clusters,
  }
}
