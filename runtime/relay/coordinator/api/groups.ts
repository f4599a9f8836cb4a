import type { Selectable } from 'kysely'
import type { z } from 'zod'
import type { freePorts, PortRange, WorkerGroup } from '@branchline/wire/circuits/group'
import type { Received } from '@branchline/wire/circuits/operations'
import { type ProblemError, refusal } from '@branchline/wire/circuits/problem'
import { actorOf, type Caller } from '../circuits/caller.ts'
import { takenPorts } from '../circuits/frontend.ts'
import { cursorOf, DEFAULT_PAGE, readCursor } from '../circuits/list.ts'
import { isInRange } from '../circuits/ports.ts'
import { refreshStatus } from '../circuits/statuses.ts'
import type { Page, PageQuery } from '../access/paging.ts'
import type { Reader, Store } from '../store/store.ts'
import type { WorkerGroupTable } from '../store/tables.ts'

type GroupRow = Selectable<WorkerGroupTable>
/** Most free ports that an answer lists. */
const LISTED_PORTS = 100

/** Lists worker groups by name. */
export async function listGroups(
  store: Store,
  { limit = DEFAULT_PAGE, cursor }: PageQuery,
): Promise<Page<WorkerGroup>> {
  const rows = await store.read((db) => {
    const query = db.selectFrom('worker_groups').selectAll()
    return (cursor === undefined ? query : query.where('name', '>', readCursor(cursor)))
      .orderBy('name')
      .limit(limit + 1)
      .execute()
  })
  const items = rows.slice(0, limit).map(toGroup)
  const last = items.at(-1)
  return rows.length > limit && last !== undefined ? { items, next: cursorOf(last.name) } : { items }
}

/** Creates a group, or gives it this range of ports. Circuits keep their ports. */
export async function putGroup(
  store: Store,
  caller: Caller,
  name: string,
  { ports }: Received<'putGroup', 'body'>,
): Promise<WorkerGroup> {
  if (!/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/.test(name)) {
    const detail = 'lower-case letters, digits, dots and hyphens between letters or digits'
    throw refusal('invalid-request', { errors: [{ pointer: '?group', detail }] })
  }
  const { value } = await store.change(actorOf(caller), async (change) => {
    const { tx, audit } = change
    const before = await findGroup(tx, name)
    const range = { port_from: ports?.from ?? null, port_to: ports?.to ?? null }
    if (before !== undefined && before.port_from === range.port_from && before.port_to === range.port_to) {
      change.unchanged()
      return before
    }
    const row = await tx
      .insertInto('worker_groups')
      .values({ name, ...range })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ ...range, updated_at: new Date() }))
      .returningAll()
      .executeTakeFirstOrThrow()
    const circuits = await tx
      .selectFrom('circuits')
      .select('id')
      .where('worker_group', '=', name)
      .where('frontend', '=', 'port')
      .execute()
    await refreshStatus(
      tx,
      circuits.map(({ id }) => id),
    )
    audit({
      action: 'group.put',
      kind: 'worker_group',
      id: name,
      before: before && toGroup(before),
      after: toGroup(row),
    })
    return row
  })
  return toGroup(value)
}

/** Removes a group that has neither workers nor circuits. */
export async function deleteGroup(store: Store, caller: Caller, name: string): Promise<void> {
  await store.change(actorOf(caller), async ({ tx, audit }) => {
    if ((await findGroup(tx, name)) === undefined) throw noGroup(name)
    // They have left, and nothing needs them any more.
    await tx.deleteFrom('workers').where('worker_group', '=', name).where('state', '=', 'left').execute()
    const used =
      (await tx
        .selectFrom('workers')
        .select('id')
        .where('worker_group', '=', name)
        .limit(1)
        .executeTakeFirst()) ??
      (await tx
        .selectFrom('circuits')
        .select('id')
        .where('worker_group', '=', name)
        .limit(1)
        .executeTakeFirst())
    if (used !== undefined || name === 'default') {
      throw refusal('in-use', {
        detail: `The group ${name} has workers or circuits, or is the default group.`,
      })
    }
    await tx.deleteFrom('worker_groups').where('name', '=', name).execute()
    audit({ action: 'group.delete', kind: 'worker_group', id: name })
  })
}

/** Counts the free ports of a group, and lists the first ones. */
export async function freePortsOf(store: Store, name: string): Promise<z.infer<typeof freePorts>> {
  const { value } = await store.snapshot(async (tx) => ({
    group: await findGroup(tx, name),
    taken: await takenPorts(tx, name),
  }))
  if (value.group === undefined) throw noGroup(name)
  const ports = rangeOf(value.group)
  if (ports === undefined) return { used: 0, free: 0, next: [] }
  const used = [...value.taken].filter((port) => isInRange(ports, port)).length
  const next: number[] = []
  for (let port = ports.from; port <= ports.to && next.length < LISTED_PORTS; port++) {
    if (!value.taken.has(port)) next.push(port)
  }
  return { ports, used, free: ports.to - ports.from + 1 - used, next }
}

const findGroup = (db: Reader, name: string): Promise<GroupRow | undefined> =>
  db.selectFrom('worker_groups').selectAll().where('name', '=', name).executeTakeFirst()

const noGroup = (name: string): ProblemError =>
  refusal('not-found', { detail: `There is no worker group named ${name}.` })

const rangeOf = ({ port_from: from, port_to: to }: GroupRow): PortRange | undefined =>
  from === null || to === null ? undefined : { from, to }

function toGroup(row: GroupRow): WorkerGroup {
  const ports = rangeOf(row)
  return {
    name: row.name,
    ...(ports === undefined ? {} : { ports }),
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
