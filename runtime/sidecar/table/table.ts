import { parseEndpoint } from '@branchline/wire/endpoint'
import type {
  ListenerRoutes,
  OnUnavailable,
  RouteDelta,
  RouteTable,
  Target,
} from '@branchline/wire/routes/messages'
import { environmentNumber } from '@branchline/wire/trace-id'
import { DEFAULT_WEIGHT } from '@branchline/wire/weight'

/** An endpoint of another environment: the name of its pool, and the address to dial. */
interface Endpoint {
  /** `address:port`, IPv6 in brackets. */
  readonly authority: string
  readonly host: string
  readonly port: number
  /** Its share of the requests, relative to the others: 0 to 100, usually 1. */
  readonly weight: number
}

/** Another environment's endpoints of a service. Immutable: a change replaces it. */
export interface Destination {
  readonly environment: string
  readonly endpoints: readonly Endpoint[]
  readonly onUnavailable: OnUnavailable
  /** Why it has no ready endpoint: words that follow the service's name. */
  readonly trouble?: string | undefined
}

/** The routes of one listener. */
export interface Listener {
  readonly service: string
  readonly routes: ReadonlyMap<string, Destination>
  readonly own: ReadonlySet<string>
  readonly base: Destination | undefined
  /** The rule of the pod's own environment, for requests whose app in this pod is gone. */
  readonly onUnavailable: OnUnavailable
  /** Why the service has no ready endpoint in the pod's own environment: words that follow its name. */
  readonly trouble?: string | undefined
  /** The key of an environment's number in ids. Undefined if this listener does not know it. */
  keyOfNumber(number: string): string | undefined
  /** Whether this environment has a base. */
  readonly onBranch: boolean
}

/** The part of a table that decisions read. */
export interface Routes {
  readonly epoch: number
  readonly environment: string
  listener(port: number): Listener | undefined
  /** The key of the branch whose pod has this address. */
  callerKey(address: string): string | undefined
  /** The key of an environment's number in ids. Undefined if none of its pods is a possible caller. */
  keyOfCallerNumber(number: string): string | undefined
}

/** A delta does not follow the current table, or a table contains an invalid endpoint. */
export class RouteTableError extends Error {
  readonly code: 'BL_ROUTES_GAP' | 'BL_ROUTES_ENDPOINT'
  constructor(code: RouteTableError['code'], message: string) {
    super(message)
    this.name = 'RouteTableError'
    this.code = code
  }
}

class MutableListener implements Listener {
  service = ''
  readonly routes = new Map<string, Destination>()
  own = new Set<string>()
  base: Destination | undefined = undefined
  onUnavailable: OnUnavailable = 'baseline'
  trouble: string | undefined = undefined
  /** Created on first use, because it needs a hash for each key and most tables never use it. */
  #numbers: Map<string, string> | undefined = undefined

  get onBranch(): boolean {
    return this.base !== undefined
  }

  keyOfNumber(number: string): string | undefined {
    this.#numbers ??= new Map(
      [...this.routes.keys(), ...this.own].map((key) => [environmentNumber(key), key]),
    )
    return this.#numbers.get(number)
  }

  setRoute(key: string, destination: Destination | null): void {
    setOrDelete(this.routes, key, destination)
    if (this.#numbers === undefined) return
    const gone = destination === null && !this.own.has(key)
    setOrDelete(this.#numbers, environmentNumber(key), gone ? null : key)
  }

  setOwn(own: ReadonlySet<string>): void {
    this.own = new Set(own)
    this.#numbers = undefined
  }
}

/**
 * The table that a sidecar serves. A snapshot replaces it. A delta changes only what it names, within one turn of the
 * event loop, so that no request sees half of a delta. A {@link Destination} of an earlier epoch never changes.
 */
export class Table implements Routes {
  readonly environment: string
  #epoch: number
  readonly #listeners = new Map<number, MutableListener>()
  readonly #callers: Map<string, string>
  /** The keys of callers by number, created on first use. */
  #numbers: Map<string, string> | undefined = undefined

  constructor(snapshot: RouteTable) {
    this.environment = snapshot.environment
    this.#epoch = snapshot.epoch
    for (const [port, routes] of Object.entries(snapshot.listeners)) {
      this.#listeners.set(Number(port), compileListener(routes))
    }
    this.#callers = new Map(Object.entries(snapshot.callers))
  }

  get epoch(): number {
    return this.#epoch
  }

  listener(port: number): Listener | undefined {
    return this.#listeners.get(port)
  }

  callerKey(address: string): string | undefined {
    return this.#callers.get(address)
  }

  keyOfCallerNumber(number: string): string | undefined {
    this.#numbers ??= new Map(
      [...new Set(this.#callers.values())].map((key) => [environmentNumber(key), key]),
    )
    return this.#numbers.get(number)
  }

  /** Applies all of a delta that follows or, with a {@link RouteTableError}, nothing of it. */
  apply(delta: RouteDelta): this {
    const changes = Object.entries(delta.listeners).map(([port, change]) => compileChange(port, change))
    for (const change of changes) applyChange(this.#listeners, change)
    for (const [address, key] of Object.entries(delta.callers)) this.#setCaller(address, key)
    this.#epoch = delta.epoch
    return this
  }

  /** A number stays known for a while after its last pod is gone. A key without routes is served like no key. */
  #setCaller(address: string, key: string | null): void {
    setOrDelete(this.#callers, address, key)
    if (this.#numbers === undefined || key === null) return
    if (this.#numbers.size > 2 * this.#callers.size + 1_000) this.#numbers = undefined
    else this.#numbers.set(environmentNumber(key), key)
  }

  /** The table in the form of the wire, for people to read. */
  dump(): RouteTable {
    return {
      epoch: this.#epoch,
      environment: this.environment,
      listeners: Object.fromEntries(
        [...this.#listeners].map(([port, listener]) => [port, dumpListener(listener)]),
      ),
      callers: Object.fromEntries(this.#callers),
    }
  }
}

type ListenerChange = RouteDelta['listeners'][string]
interface Change {
  readonly port: number
  readonly service: string
  readonly routes: ReadonlyArray<readonly [string, Destination | null]>
  readonly own: ReadonlySet<string> | undefined
  readonly base: Destination | null | undefined
  readonly onUnavailable: OnUnavailable | undefined
  readonly trouble: string | null | undefined
}

function compileChange(port: string, change: ListenerChange): Change | { port: number; service: null } {
  if (change === null) return { port: Number(port), service: null }
  return {
    port: Number(port),
    service: change.service,
    routes: Object.entries(change.routes).map(([key, target]) => [key, target && compileTarget(target)]),
    own: change.own && new Set(change.own),
    base: change.base && compileTarget(change.base),
    onUnavailable: change.onUnavailable,
    trouble: change.trouble,
  }
}

function applyChange(
  listeners: Map<number, MutableListener>,
  change: ReturnType<typeof compileChange>,
): void {
  if (change.service === null) {
    listeners.delete(change.port)
    return
  }
  const listener = listeners.get(change.port) ?? new MutableListener()
  listener.service = change.service
  for (const [key, destination] of change.routes) listener.setRoute(key, destination)
  if (change.own !== undefined) listener.setOwn(change.own)
  if (change.base !== undefined) listener.base = change.base ?? undefined
  if (change.onUnavailable !== undefined) listener.onUnavailable = change.onUnavailable
  if (change.trouble !== undefined) listener.trouble = change.trouble ?? undefined
  listeners.set(change.port, listener)
}

function setOrDelete<V>(map: Map<string, V>, key: string, value: V | null): void {
  if (value === null) map.delete(key)
  else map.set(key, value)
}

function compileListener(routes: ListenerRoutes): MutableListener {
  const listener = new MutableListener()
  listener.service = routes.service
  for (const [key, target] of Object.entries(routes.routes)) listener.setRoute(key, compileTarget(target))
  listener.setOwn(new Set(routes.own))
  listener.base = routes.base && compileTarget(routes.base)
  listener.onUnavailable = routes.onUnavailable ?? 'baseline'
  listener.trouble = routes.trouble
  return listener
}

const compileTarget = ({ environment, endpoints, weights, onUnavailable, trouble }: Target): Destination => ({
  environment,
  endpoints: endpoints.map((authority) => compileEndpoint(authority, weights)),
  onUnavailable,
  trouble,
})

function compileEndpoint(authority: string, weights: Target['weights']): Endpoint {
  const endpoint = parseEndpoint(authority)
  if (endpoint !== undefined)
    return { authority, ...endpoint, weight: weights?.[authority] ?? DEFAULT_WEIGHT }
  throw new RouteTableError(
    'BL_ROUTES_ENDPOINT',
    `endpoint ${JSON.stringify(authority)}: wanted address:port`,
  )
}

const dumpListener = ({ service, routes, own, base, onUnavailable, trouble }: Listener): ListenerRoutes => ({
  service,
  routes: Object.fromEntries([...routes].map(([key, destination]) => [key, dumpTarget(destination)])),
  own: [...own],
  ...(base && { base: dumpTarget(base) }),
  ...(onUnavailable !== 'baseline' && { onUnavailable }),
  ...(trouble !== undefined && { trouble }),
})

function dumpTarget({ environment, endpoints, onUnavailable, trouble }: Destination): Target {
  const weighted = endpoints.filter(({ weight }) => weight !== DEFAULT_WEIGHT)
  const weights = Object.fromEntries(weighted.map(({ authority, weight }) => [authority, weight]))
  return {
    environment,
    endpoints: endpoints.map((endpoint) => endpoint.authority),
    ...(weighted.length > 0 && { weights }),
    onUnavailable,
    ...(trouble !== undefined && { trouble }),
  }
}
