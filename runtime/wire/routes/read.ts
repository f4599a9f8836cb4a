import type { Hop } from '../explain.ts'
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
  const message = object(value, '')
  const { type } = message
  if (type === 'snapshot') {
    const table = readTable(message['table'])
    const explains = optional(message['explains'], (it) => boolean(it, 'explains'))
    const observes = optional(message['observes'], (it) => boolean(it, 'observes'))
    return {
      type,
      table,
      ...(explains !== undefined && { explains }),
      ...(observes !== undefined && { observes }),
    }
  }
  if (type === 'delta') return readDelta(message)
  if (type !== 'hops') throw new ManagerMessageError('type', 'snapshot, delta or hops')
  const trace = text(message['trace'], 'trace')
  if (!/^[0-9a-f]{32}$/.test(trace)) throw new ManagerMessageError('trace', '32 hexadecimal digits')
  const missed = optional(message['missed'], (it) => array(it, 'missed').map(readReported) as Missed[])
  const tcp = optional(message['tcp'], (it) => array(it, 'tcp').map(readReported) as TcpHop[])
  return {
    type,
    trace,
    hops: array(message['hops'], 'hops').map(readReported) as Hop[],
    ...(missed !== undefined && { missed }),
    ...(tcp !== undefined && { tcp }),
  }
}

function readTable(value: unknown): RouteTable {
  const table = object(value, 'table')
  return {
    epoch: epoch(table['epoch'], 'table.epoch'),
    environment: text(table['environment'], 'table.environment'),
    listeners: record(table['listeners'], 'table.listeners', text, readListener),
    callers: record(table['callers'], 'table.callers', text, key),
  }
}

function readListener(value: unknown, path: string): ListenerRoutes {
  const listener = object(value, path)
  const base = optional(listener['base'], (it) => readTarget(it, `${path}.base`))
  const rule = optional(listener['onUnavailable'], (it) => readRule(it, `${path}.onUnavailable`))
  return {
    service: text(listener['service'], `${path}.service`),
    routes: record(listener['routes'], `${path}.routes`, key, readTarget),
    own: array(listener['own'], `${path}.own`).map((it) => key(it, `${path}.own`)),
    ...(base !== undefined && { base }),
    ...(rule !== undefined && { onUnavailable: rule }),
    ...troubleIn(listener, path),
  }
}

function readDelta(delta: Readonly<Record<string, unknown>>): RouteDelta {
  return {
    type: 'delta',
    from: epoch(delta['from'], 'from'),
    epoch: epoch(delta['epoch'], 'epoch'),
    listeners: record(delta['listeners'], 'listeners', text, (it, path) => nullable(it, path, readChange)),
    callers: record(delta['callers'], 'callers', text, (it, path) => nullable(it, path, key)),
  }
}

function readChange(value: unknown, path: string): NonNullable<RouteDelta['listeners'][string]> {
  const change = object(value, path)
  const targetOrNull = (it: unknown, at: string): Target | null => nullable(it, at, readTarget)
  const own = optional(change['own'], (it) => array(it, `${path}.own`).map((one) => key(one, `${path}.own`)))
  const base = optional(change['base'], (it) => targetOrNull(it, `${path}.base`))
  const rule = optional(change['onUnavailable'], (it) => readRule(it, `${path}.onUnavailable`))
  return {
    service: text(change['service'], `${path}.service`),
    routes: record(change['routes'], `${path}.routes`, key, targetOrNull),
    ...(own !== undefined && { own }),
    ...(base !== undefined && { base }),
    ...(rule !== undefined && { onUnavailable: rule }),
    ...(change['trouble'] === null ? { trouble: null } : troubleIn(change, path)),
  }
}

function readTarget(value: unknown, path: string): Target {
  const target = object(value, path)
  const weights = optional(target['weights'], (it) => record(it, `${path}.weights`, text, readWeight))
  return {
    environment: text(target['environment'], `${path}.environment`),
    endpoints: array(target['endpoints'], `${path}.endpoints`).map((it) => text(it, `${path}.endpoints`)),
    ...(weights !== undefined && { weights }),
    onUnavailable: readRule(target['onUnavailable'], `${path}.onUnavailable`),
    ...troubleIn(target, path),
  }
}

const MAX_TROUBLE = 1_000

function troubleIn(of: Readonly<Record<string, unknown>>, path: string): { trouble?: string } {
  const trouble = optional(of['trouble'], (it) => text(it, `${path}.trouble`))
  if (trouble === undefined) return {}
  if (trouble.length <= MAX_TROUBLE) return { trouble }
  throw new ManagerMessageError(`${path}.trouble`, `at most ${MAX_TROUBLE} characters`)
}

function readRule(value: unknown, path: string): OnUnavailable {
  const rule = ON_UNAVAILABLE.find((it) => it === value)
  if (rule === undefined) throw new ManagerMessageError(path, `one of ${ON_UNAVAILABLE.join(', ')}`)
  return rule
}

function readWeight(value: unknown, path: string): number {
  if (isWeight(value)) return value
  throw new ManagerMessageError(path, `a whole number from 0 to ${MAX_WEIGHT}`)
}

/** What sidecars reported comes back as the manager parsed it. A sidecar only passes it on. */
const readReported = (value: unknown): unknown => object(value, 'hops')

function object(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new ManagerMessageError(path, 'an object')
}

function record<T>(
  value: unknown,
  path: string,
  readName: (name: unknown, path: string) => string,
  readValue: (value: unknown, path: string) => T,
): Record<string, T> {
  const entries = Object.entries(object(value, path))
  return Object.fromEntries(
    entries.map(([name, it]) => [readName(name, path), readValue(it, `${path}.${name}`)] as const),
  )
}

function array(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new ManagerMessageError(path, 'a list')
}

function text(value: unknown, path: string): string {
  if (typeof value === 'string') return value
  throw new ManagerMessageError(path, 'a text')
}

function key(value: unknown, path: string): string {
  if (typeof value === 'string' && isKey(value)) return value
  throw new ManagerMessageError(path, 'a routing key')
}

function boolean(value: unknown, path: string): boolean {
  if (typeof value === 'boolean') return value
  throw new ManagerMessageError(path, 'true or false')
}

function epoch(value: unknown, path: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new ManagerMessageError(path, 'a whole number that is not negative')
}

const optional = <T>(value: unknown, read: (value: unknown) => T): T | undefined =>
  value === undefined ? undefined : read(value)

const nullable = <T>(value: unknown, path: string, read: (value: unknown, path: string) => T): T | null =>
  value === null ? null : read(value, path)
