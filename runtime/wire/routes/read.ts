import type { Hop } from '../explain.ts'
import { Json } from '../json.ts'
import { isKey } from '../key.ts'
import type { ListenerRoutes, ManagerMessage, RouteDelta, RouteTable, Target } from './messages.ts'
import { ON_UNAVAILABLE, type OnUnavailable } from './protocol.ts'
import type { Missed, TcpHop } from './traffic.ts'
import { isWeight, MAX_WEIGHT } from '../weight.ts'

/** A message that is none of the manager's: says where, and what was wanted. */
export class ManagerMessageError extends Error {
  readonly code = 'BL_ROUTES_MESSAGE'
  constructor(path: string, wanted: string) {
    super(`${path === '' ? 'the message' : path}: wanted ${wanted}`)
    this.name = 'ManagerMessageError'
  }
}

/**
 * Reads a manager's message as the schema of `messages.ts` does, by hand: a sidecar is in every pod, and there
 * the schema's library would be half of its program. Throws a {@link ManagerMessageError}.
 */
export function readManagerMessage(value: unknown): ManagerMessage {
  const message = new Json(value, (path, wanted) => new ManagerMessageError(path, wanted))
  const type = message.at('type')
  if (type.is('snapshot')) return readSnapshot(message)
  if (type.is('delta')) return readDelta(message)
  if (type.is('hops')) return readHops(message)
  throw type.fault('snapshot, delta or hops')
}

function readSnapshot(message: Json): ManagerMessage {
  const table = readTable(message.at('table'))
  const explains = message.at('explains').optional(flag)
  const observes = message.at('observes').optional(flag)
  return {
    type: 'snapshot',
    table,
    ...(explains !== undefined && { explains }),
    ...(observes !== undefined && { observes }),
  }
}

/** What sidecars reported comes back as the manager parsed it. A sidecar only passes it on. */
function readHops(message: Json): ManagerMessage {
  const trace = message.at('trace')
  if (!/^[0-9a-f]{32}$/.test(trace.text())) throw trace.fault('32 hexadecimal digits')
  const missed = message.at('missed').optional((it) => it.list(reported, false) as unknown as Missed[])
  const tcp = message.at('tcp').optional((it) => it.list(reported, false) as unknown as TcpHop[])
  return {
    type: 'hops',
    trace: trace.text(),
    hops: message.at('hops').list(reported, false) as unknown as Hop[],
    ...(missed !== undefined && { missed }),
    ...(tcp !== undefined && { tcp }),
  }
}

const readTable = (table: Json): RouteTable => ({
  epoch: epoch(table.at('epoch')),
  environment: table.at('environment').text(),
  listeners: table.at('listeners').record(readListener),
  callers: table.at('callers').record(key),
})

function readListener(listener: Json): ListenerRoutes {
  const base = listener.at('base').optional(readTarget)
  const rule = listener.at('onUnavailable').optional(readRule)
  return {
    service: listener.at('service').text(),
    routes: listener.at('routes').record(readTarget, key),
    own: listener.at('own').list(key, false),
    ...(base !== undefined && { base }),
    ...(rule !== undefined && { onUnavailable: rule }),
    ...troubleIn(listener),
  }
}

const readDelta = (delta: Json): RouteDelta => ({
  type: 'delta',
  from: epoch(delta.at('from')),
  epoch: epoch(delta.at('epoch')),
  listeners: delta.at('listeners').record((it) => it.nullable(readChange)),
  callers: delta.at('callers').record((it) => it.nullable(key)),
})

function readChange(change: Json): NonNullable<RouteDelta['listeners'][string]> {
  const targetOrNull = (it: Json): Target | null => it.nullable(readTarget)
  const own = change.at('own').optional((it) => it.list(key, false))
  const base = change.at('base').optional(targetOrNull)
  const rule = change.at('onUnavailable').optional(readRule)
  return {
    service: change.at('service').text(),
    routes: change.at('routes').record(targetOrNull, key),
    ...(own !== undefined && { own }),
    ...(base !== undefined && { base }),
    ...(rule !== undefined && { onUnavailable: rule }),
    ...(change.at('trouble').is(null) ? { trouble: null } : troubleIn(change)),
  }
}

function readTarget(target: Json): Target {
  const weights = target.at('weights').optional((it) => it.record(weight))
  return {
    environment: target.at('environment').text(),
    endpoints: target.at('endpoints').list((it) => it.text(), false),
    ...(weights !== undefined && { weights }),
    onUnavailable: readRule(target.at('onUnavailable')),
    ...troubleIn(target),
  }
}

const MAX_TROUBLE = 1_000

function troubleIn(of: Json): { trouble?: string } {
  const part = of.at('trouble')
  const trouble = part.optional((it) => it.text())
  if (trouble === undefined) return {}
  if (trouble.length <= MAX_TROUBLE) return { trouble }
  throw part.fault(`at most ${MAX_TROUBLE} characters`)
}

const flag = (from: Json): boolean => from.flag()
const reported = (from: Json): unknown => from.object()
const readRule = (from: Json): OnUnavailable => from.oneOf(ON_UNAVAILABLE)
const weight = (from: Json): number => from.check(isWeight, `a whole number from 0 to ${MAX_WEIGHT}`)
const isRoutingKey = (value: unknown): value is string => typeof value === 'string' && isKey(value)
const key = (from: Json): string => from.check(isRoutingKey, 'a routing key')
const isEpoch = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const epoch = (from: Json): number => from.check(isEpoch, 'a whole number that is not negative')
