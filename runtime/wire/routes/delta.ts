import { isDeepStrictEqual } from 'node:util'
import type { ListenerRoutes, RouteDelta, RouteTable, Target } from './messages.ts'

/** The content of a delta, without its epochs. */
export type TableChange = Pick<RouteDelta, 'listeners' | 'callers'>
type ListenerChange = RouteDelta['listeners'][string]
type Content = Omit<RouteTable, 'epoch'>

/** Differences by the identity of both parts, so that parts which several tables share are compared once. */
export type ChangeMemo = Map<object, Map<object, unknown>>

/**
 * Returns the change from one table to another of the same environment, or undefined if their content is equal. Does not
 * compare parts that are the same object. Throws a RangeError if the environments differ, because no delta can express
 * that.
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

/** Returns the table that results from a delta. Does not change `table`. The caller compares the epochs first. */
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
  const trouble = change.trouble === undefined ? before?.trouble : (change.trouble ?? undefined)
  return {
    service: change.service,
    routes: merge(before?.routes ?? {}, change.routes),
    own: change.own ?? before?.own ?? [],
    ...(base !== undefined && { base }),
    ...(onUnavailable !== undefined && { onUnavailable }),
    ...(trouble !== undefined && { trouble }),
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
  const sameTrouble = before.trouble === after.trouble
  const same = before.service === after.service && sameOwn && sameBase && sameRule && sameTrouble
  if (same && isEmpty(routes)) return undefined
  return {
    service: after.service,
    routes,
    ...(!sameOwn && { own: after.own }),
    ...(!sameBase && { base: after.base ?? null }),
    // A delta cannot remove a rule, but no rule means the same as `baseline`.
    ...(!sameRule && { onUnavailable: after.onUnavailable ?? 'baseline' }),
    ...(!sameTrouble && { trouble: after.trouble ?? null }),
  }
}

/** Returns the entries that are new or differ, and `null` for each removed entry. */
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

// A table comes from JSON and a key may be "constructor", so only a record's own entries count.
const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined

const isEmpty = (record: object): boolean => {
  for (const _ in record) return false
  return true
}
