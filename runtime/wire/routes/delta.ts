import { isDeepStrictEqual } from 'node:util'
import type { ListenerRoutes, RouteDelta, RouteTable, Target } from './messages.ts'

/** What a delta says, without the epochs between which it leads. */
export type TableChange = Pick<RouteDelta, 'listeners' | 'callers'>
type ListenerChange = RouteDelta['listeners'][string]
type Content = Omit<RouteTable, 'epoch'>

/** What two tables have in common need not be compared twice: remembers changes by the identity of both. */
export type ChangeMemo = Map<object, Map<object, unknown>>

/**
 * What leads from one table to another of the same environment; undefined where they say the same. Parts
 * that are the same object are not looked into. Throws where the environments differ: no delta says that.
 */
export function diffTables(before: Content, after: Content, memo: ChangeMemo): TableChange | undefined {
  if (before.environment !== after.environment) {
    throw new RangeError(`no delta leads from environment ${before.environment} to ${after.environment}`)
  }
  const listeners = diffRecords(before.listeners, after.listeners, (one, two) =>
    remembered(memo, one, two, () => diffListeners(one, two)),
  )
  const callers = remembered(memo, before.callers, after.callers, () =>
    diffRecords(before.callers, after.callers, (one, two) => (one === two ? undefined : two)),
  )
  if (isEmpty(listeners) && isEmpty(callers)) return undefined
  return { listeners, callers }
}

/** The table to which a delta leads; the one at hand stays as it is. The caller has compared the epochs. */
export function applyDelta(table: RouteTable, delta: RouteDelta): RouteTable {
  const listeners = { ...table.listeners }
  for (const [port, change] of Object.entries(delta.listeners)) {
    if (change === null) delete listeners[port]
    else listeners[port] = applyListener(own(listeners, port), change)
  }
  return { ...table, epoch: delta.epoch, listeners, callers: merge(table.callers, delta.callers) }
}

function applyListener(
  before: ListenerRoutes | undefined,
  change: NonNullable<ListenerChange>,
): ListenerRoutes {
  const base = change.base === undefined ? before?.base : (change.base ?? undefined)
  const onUnavailable = change.onUnavailable ?? before?.onUnavailable
  return {
    service: change.service,
    routes: merge(before?.routes ?? {}, change.routes),
    own: change.own ?? before?.own ?? [],
    ...(base !== undefined && { base }),
    ...(onUnavailable !== undefined && { onUnavailable }),
  }
}

function diffListeners(
  before: ListenerRoutes,
  after: ListenerRoutes,
): NonNullable<ListenerChange> | undefined {
  const routes = diffRecords<Target, Target>(before.routes, after.routes, (one, two) =>
    one === two || isDeepStrictEqual(one, two) ? undefined : two,
  )
  const sameOwn = isDeepStrictEqual(before.own, after.own)
  const sameBase = isDeepStrictEqual(before.base, after.base)
  const sameRule = before.onUnavailable === after.onUnavailable
  if (before.service === after.service && isEmpty(routes) && sameOwn && sameBase && sameRule) return undefined
  return {
    service: after.service,
    routes,
    ...(!sameOwn && { own: after.own }),
    ...(!sameBase && { base: after.base ?? null }),
    // A rule is never taken back: that a listener has none says the same as `baseline`.
    ...(!sameRule && { onUnavailable: after.onUnavailable ?? 'baseline' }),
  }
}

/** The entries that are new or differ, and `null` for each that is gone. */
function diffRecords<T, D>(
  before: Readonly<Record<string, T>>,
  after: Readonly<Record<string, T & D>>,
  diff: (before: T, after: T) => D | undefined,
): Record<string, D | null> {
  const changes: Record<string, D | null> = {}
  if ((before as object) === after) return changes
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) changes[key] = null
  for (const [key, value] of Object.entries(after)) {
    const old = own(before, key)
    const change = old === value ? undefined : old === undefined ? value : diff(old, value)
    if (change !== undefined) changes[key] = change
  }
  return changes
}

function merge<T>(
  record: Readonly<Record<string, T>>,
  changes: Readonly<Record<string, T | null>>,
): Record<string, T> {
  const merged = { ...record }
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) delete merged[key]
    else merged[key] = value
  }
  return merged
}

function remembered<T>(memo: ChangeMemo, before: object, after: object, diff: () => T): T {
  let byAfter = memo.get(before)
  if (byAfter === undefined) memo.set(before, (byAfter = new Map<object, unknown>()))
  if (!byAfter.has(after)) byAfter.set(after, diff())
  return byAfter.get(after) as T
}

// A key may be "constructor", and a table comes from JSON: only a record's own entries count.
const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined

const isEmpty = (record: object): boolean => {
  for (const _ in record) return false
  return true
}
