import type { ListenerRoutes, Target } from '@branchline/wire/routes/messages'
import { chainOf, type Node } from './forest.ts'

/** One port of a Service, as one environment runs it. */
export interface Presence {
  /** `address:port` of the ready endpoints, sorted. */
  readonly endpoints: readonly string[]
  /** The weights that are not 1, by endpoint; undefined where there is none. */
  readonly weights?: Readonly<Record<string, number>>
}

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
