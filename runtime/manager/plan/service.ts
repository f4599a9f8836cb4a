import type { ListenerRoutes, Target } from '@branchline/wire/routes/messages'
import { chainOf, type Node } from './forest.ts'

/** Where requests may go. */
export interface Endpoints {
  /** `address:port`, sorted. */
  readonly endpoints: readonly string[]
  /** The weights that are not 1, by endpoint; undefined where there is none. */
  readonly weights?: Readonly<Record<string, number>>
}

/** One port of a Service, as one environment runs it: its ready endpoints. */
export interface Presence extends Endpoints {
  /** Where none is ready: those that run all the same; undefined where there is none. */
  readonly reserve?: Endpoints
}

/**
 * Where requests for an environment's Service go: to its ready endpoints. Where a root has none, and no rule of
 * its own (`hold`, `fail`), nobody stands in for it: then to those that run, since readiness may be what fails (a
 * kubelet that restarts takes every pod for unready until it has probed it). An override never: its rule says.
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
 * The environment that serves a port of a Service for requests of another's key: the nearest, from that one
 * up, which runs it. One that runs it without a ready endpoint is passed over where its rule is `baseline`
 * and an environment above stands in for it; so is a paused one. Undefined where nobody in the chain runs it.
 */
export function ownerOf(node: Node, presences: Presences): Node | undefined {
  return chainOf(node).find((candidate) => isOwner(candidate, presences.get(candidate)))
}

function isOwner(node: Node, presence: Presence | undefined): boolean {
  if (presence === undefined || node.paused) return false
  return node.above.length === 0 || presence.endpoints.length > 0 || node.onUnavailable !== 'baseline'
}

/**
 * What the sidecars of an environment that runs a port of a Service do with its requests (ListenerRoutes of
 * wire/routes). `presences` are all of its tree; `targetOf` gives what leads to each of them. It depends on
 * nothing but the environments above and below.
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
  const listener = { service, routes, own: isRoot ? [] : own.sort(), onUnavailable }
  return base === undefined ? listener : { ...listener, base: targetOf(base) }
}

/** Whether two listeners, whose targets are the very same where they say the same, do the same. */
export function sameListener(one: ListenerRoutes, two: ListenerRoutes): boolean {
  const keys = Object.keys(one.routes)
  return (
    one.service === two.service &&
    one.onUnavailable === two.onUnavailable &&
    one.base === two.base &&
    one.own.length === two.own.length &&
    one.own.every((key, index) => key === two.own[index]) &&
    keys.length === Object.keys(two.routes).length &&
    keys.every((key) => Object.hasOwn(two.routes, key) && one.routes[key] === two.routes[key])
  )
}
