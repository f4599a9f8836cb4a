import type { ListenerRoutes, Target } from '@branchline/wire/routes/messages'
import { chainOf, type Node } from './forest.ts'

/** The endpoints to which requests may go. */
export interface Endpoints {
  /** `address:port`, sorted. */
  readonly endpoints: readonly string[]
  /** The weights that are not 1, by endpoint. Undefined if there are none. */
  readonly weights?: Readonly<Record<string, number>>
}

/** The ready endpoints of one port of a Service in one environment. */
export interface Presence extends Endpoints {
  /** If no endpoint is ready: the endpoints that run anyway. Undefined if there are none. */
  readonly reserve?: Endpoints
  /** If no endpoint is ready: why, as words that follow the Service's name. Undefined if that is not known. */
  readonly trouble?: string
}

/**
 * The endpoints for requests to an environment's Service: the ready ones. If a root without a rule of its own
 * (`hold`, `fail`) has no ready endpoint, requests go to the endpoints that run, because no base stands in for it and
 * readiness itself may be at fault: a restarting kubelet reports every pod as unready until it has probed it. For
 * an override, its rule decides instead.
 */
export function endpointsFor(node: Node, presence: Presence | undefined): Endpoints {
  if (presence === undefined) return NOWHERE
  const isLast = node.above.length === 0 && node.onUnavailable === 'baseline'
  return isLast ? (presence.reserve ?? presence) : presence
}
const NOWHERE: Endpoints = { endpoints: [] }

/** The environments of one tree that run one port of a Service. */
export type Presences = ReadonlyMap<Node, Presence>

/**
 * The environment that serves a port of a Service for requests with the key of `node`: the nearest that runs it, from
 * `node` up. Paused environments are skipped. So are those without a ready endpoint if their rule is `baseline` and
 * they have a base. Undefined if no environment of the chain runs it.
 */
export function ownerOf(node: Node, presences: Presences): Node | undefined {
  return chainOf(node).find((candidate) => isOwner(candidate, presences.get(candidate)))
}

function isOwner(node: Node, presence: Presence | undefined): boolean {
  if (presence === undefined || node.paused) return false
  return node.above.length === 0 || presence.endpoints.length > 0 || node.onUnavailable !== 'baseline'
}

/**
 * The routes for the sidecars of an environment that runs a port of a Service (ListenerRoutes of wire/routes).
 * `presences` contains all environments of its tree that run the port. `targetOf` returns the target that leads to
 * one of them. The result depends only on the environments above and below.
 */
export function planListener(
  service: string,
  node: Node,
  presences: Presences,
  targetOf: (node: Node) => Target,
): ListenerRoutes {
  const base = node.above.find((above) => isOwner(above, presences.get(above)))
  const routes: Record<string, Target> = {}
  const own = isOwner(node, presences.get(node)) ? [node.key] : []
  for (const below of node.below) {
    const owner = ownerOf(below, presences)
    if (owner === node) own.push(below.key)
    else if (owner !== undefined && owner.above.length > node.above.length) {
      routes[below.key] = targetOf(owner)
    }
  }
  const isRoot = node.above.length === 0
  const { onUnavailable } = node
  const trouble = presences.get(node)?.trouble
  return {
    service,
    routes,
    own: isRoot ? [] : own.sort(),
    ...(base !== undefined && { base: targetOf(base) }),
    onUnavailable,
    ...(trouble !== undefined && { trouble }),
  }
}

/** Whether two listeners are equal. Equal targets must be the same objects. */
export function sameListener(one: ListenerRoutes, two: ListenerRoutes): boolean {
  const keys = Object.keys(one.routes)
  return (
    one.service === two.service &&
    one.onUnavailable === two.onUnavailable &&
    one.trouble === two.trouble &&
    one.base === two.base &&
    one.own.length === two.own.length &&
    one.own.every((key, index) => key === two.own[index]) &&
    keys.length === Object.keys(two.routes).length &&
    keys.every((key) => Object.hasOwn(two.routes, key) && one.routes[key] === two.routes[key])
  )
}
