import { sql } from 'kysely'
import type { Circuit } from '@branchline/wire/circuits/circuit'
import type { Statistics } from '@branchline/wire/circuits/health'
import type { Received } from '@branchline/wire/circuits/operations'
import { refusal } from '@branchline/wire/circuits/problem'
import type { Reader, Tx } from '../store/store.ts'
import { type Caller, noCircuit, owns } from './caller.ts'
import { fault } from './checks.ts'
import type { CircuitContext } from './context.ts'
import { loadCircuit, loadCircuits } from './load.ts'
import { toCircuit } from './rows.ts'

/** Items of a page if the client names no number. */
export const DEFAULT_PAGE = 100

/** Gets a circuit of the caller. Rejects with a refusal if there is none. */
export async function getCircuit(context: CircuitContext, caller: Caller, key: string): Promise<Circuit> {
  const { value } = await context.store.snapshot((tx) => loadCircuit(tx, key))
  if (value === undefined || !owns(caller, value.row)) throw noCircuit(key)
  return toCircuit(value, context)
}

/** Lists circuits of the caller by key, page by page. */
export async function listCircuits(
  context: CircuitContext,
  caller: Caller,
  query: Received<'listCircuits', 'query'>,
): Promise<{ items: Circuit[]; next?: string }> {
  const { limit = DEFAULT_PAGE } = query
  const { value } = await context.store.snapshot((tx) =>
    loadCircuits(tx, (select) =>
      filtered(select, caller, query)
        .orderBy('circuits.key')
        .limit(limit + 1),
    ),
  )
  const items = value.slice(0, limit).map((stored) => toCircuit(stored, context))
  const last = items.at(-1)
  return value.length > limit && last !== undefined ? { items, next: cursorOf(last.key) } : { items }
}

type CircuitQuery = Parameters<Parameters<typeof loadCircuits>[1]>[0]

function filtered(
  select: CircuitQuery,
  caller: Caller,
  query: Received<'listCircuits', 'query'>,
): CircuitQuery {
  const { label, status, group, owner, text, cursor } = query
  let result = select
  if (!caller.scopes.includes('admin')) result = result.where(owned(`key:${caller.keyId}`))
  if (owner !== undefined) result = result.where(owned(owner))
  if (status !== undefined) result = result.where('circuits.status', '=', status)
  if (group !== undefined) result = result.where('circuits.worker_group', '=', group)
  if (cursor !== undefined) result = result.where('circuits.key', '>', readCursor(cursor))
  for (const [name, value] of label === undefined ? [] : parseSelector(label)) {
    result = result.where(
      value === undefined
        ? sql<boolean>`circuits.spec -> 'labels' ? ${name}`
        : sql<boolean>`circuits.spec -> 'labels' ->> ${name} = ${value}`,
    )
  }
  return text === undefined || text === '' ? result : result.where(containing(text))
}

function owned(owner: string): ReturnType<typeof sql<boolean>> {
  const cluster = /^cluster:([^/]+)\/(.+)$/.exec(owner)
  const key = /^key:(.+)$/.exec(owner)
  if (cluster === null && key === null) {
    const detail = 'an owner is key:<id> or cluster:<credential>/<name>'
    throw refusal('invalid-request', { errors: [fault('?owner', detail)] })
  }
  const wanted =
    cluster === null
      ? { type: 'key', id: key?.[1] }
      : { type: 'cluster', credential: cluster[1], cluster: cluster[2] }
  return sql<boolean>`circuits.owner @> ${JSON.stringify([wanted])}::jsonb`
}

const containing = (text: string): ReturnType<typeof sql<boolean>> => sql<boolean>`(
  strpos(circuits.key, ${text}) > 0
  or strpos(circuits.host_label, ${text.toLowerCase()}) > 0
  or circuits.port::text = ${text}
  or exists (select from hosts where circuit_id = circuits.id and strpos(host, ${text.toLowerCase()}) > 0)
)`

/** Parses `app=web,tier`. Throws a refusal. */
export function parseSelector(text: string): [name: string, value: string | undefined][] {
  return text.split(',').map((part) => {
    const [, name, value] = /^([^=,\s]+)(?:=([^=,\s]*))?$/.exec(part.trim()) ?? []
    if (name !== undefined) return [name, value]
    const detail = `${JSON.stringify(part)} is neither name=value nor a name`
    throw refusal('invalid-request', { errors: [fault('?label', detail)] })
  })
}

/** Returns the cursor of the page that begins after a text. Clients do not read it. */
export const cursorOf = (after: string): string => Buffer.from(after).toString('base64url')

/** Reads a cursor. Throws a refusal. */
export function readCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString()
  if (text !== '' && cursorOf(text) === cursor && !text.includes('\0')) return text
  throw refusal('invalid-request', {
    errors: [fault('?cursor', 'not a cursor of this list: use the value of next')],
  })
}

/** Counts the circuits of the caller. */
export async function countCircuits(context: CircuitContext, caller: Caller): Promise<Statistics> {
  return context.store.read((db) => count(db, caller))
}

async function count(db: Reader | Tx, caller: Caller): Promise<Statistics> {
  let query = db.selectFrom('circuits').where('circuits.state', '<>', 'removed')
  if (!caller.scopes.includes('admin')) query = query.where(owned(`key:${caller.keyId}`))
  const rows = await query
    .select(['status', 'frontend', 'worker_group'])
    .select((eb) => [
      eb.fn.countAll<number>().as('circuits'),
      eb.fn.coalesce(eb.fn.sum<number>('requests'), sql<number>`0`).as('requests'),
      sql<number>`sum((select count(*) from targets where circuit_id = circuits.id))::bigint`.as('targets'),
    ])
    .groupBy(['status', 'frontend', 'worker_group'])
    .execute()
  const sum = (values: readonly (number | string)[]): number =>
    values.reduce<number>((a, b) => a + Number(b), 0)
  const total = (test: (row: (typeof rows)[number]) => boolean): number =>
    sum(rows.filter(test).map(({ circuits }) => circuits))
  const groups = [...new Set(rows.map(({ worker_group }) => worker_group))].sort()
  return {
    circuits: {
      total: total(() => true),
      byStatus: {
        PENDING: total(({ status }) => status === 'PENDING'),
        HEALTHY: total(({ status }) => status === 'HEALTHY'),
        UNHEALTHY: total(({ status }) => status === 'UNHEALTHY'),
      },
      byFrontend: {
        subdomain: total(({ frontend }) => frontend === 'subdomain'),
        port: total(({ frontend }) => frontend === 'port'),
      },
      byGroup: Object.fromEntries(
        groups.map((group) => [group, total(({ worker_group }) => worker_group === group)]),
      ),
    },
    targets: sum(rows.map(({ targets }) => targets)),
    requests: sum(rows.map(({ requests }) => requests)),
  }
}
